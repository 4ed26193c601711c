import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bookAppointment, type ClinicRows, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let core: Sql;
let clinic: ClinicRows;

beforeAll(async () => {
  database = await createDatabase();
  core = database.as('core_app', 12);
  clinic = await writeClinicRows(core);
});
afterAll(() => database.drop());

const move = (id: string, status: string) =>
  core`update appointment.appointments set status = ${status} where id = ${id}`;

describe('a slot', () => {
  test('has one provider and one chair at a time; the next may begin when it ends', async () => {
    const at = (from: string, to: string) => ({ startsAt: `2030-02-01T${from}:00Z`, endsAt: `2030-02-01T${to}:00Z` });
    const first = await bookAppointment(core, clinic, at('08:00', '08:30'));
    await bookAppointment(core, clinic, at('08:30', '09:00'));
    await expect(bookAppointment(core, clinic, { ...at('08:15', '08:20'), chair: 1 })).rejects.toMatchObject({
      code: '23P01',
      constraint_name: 'provider_is_free',
    });
    await expect(bookAppointment(core, clinic, { ...at('08:15', '08:20'), provider: 1 })).rejects.toMatchObject({
      code: '23P01',
      constraint_name: 'chair_is_free',
    });
    await bookAppointment(core, clinic, { ...at('08:15', '08:20'), provider: 1, chair: 1 });
    await move(first, 'CANCELLED');
    await bookAppointment(core, clinic, at('08:00', '08:30'));
  });

  test('goes to one of ten that want it at once, without a deadlock', async () => {
    const want = () =>
      core<
        { id: string }[]
      >`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
        values (${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]},
          '2030-03-01T08:00Z', '2030-03-01T09:00Z') on conflict do nothing returning id`;
    const outcomes = await Promise.all(Array.from({ length: 10 }, want));
    expect(outcomes.flat()).toHaveLength(1);
  });
});

describe('an appointment', () => {
  const STATES = ['SCHEDULED', 'CONFIRMED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW'] as const;
  type State = (typeof STATES)[number];
  const ALLOWED: Readonly<Record<State, readonly State[]>> = {
    SCHEDULED: ['CONFIRMED', 'CANCELLED', 'NO_SHOW'],
    CONFIRMED: ['IN_PROGRESS', 'CANCELLED', 'NO_SHOW'],
    IN_PROGRESS: ['COMPLETED', 'CANCELLED'],
    COMPLETED: [],
    CANCELLED: [],
    NO_SHOW: [],
  };
  const WAY: Readonly<Record<State, readonly State[]>> = {
    SCHEDULED: [],
    CONFIRMED: ['CONFIRMED'],
    IN_PROGRESS: ['CONFIRMED', 'IN_PROGRESS'],
    COMPLETED: ['CONFIRMED', 'IN_PROGRESS', 'COMPLETED'],
    CANCELLED: ['CANCELLED'],
    NO_SHOW: ['NO_SHOW'],
  };
  let hour = 0;

  test.each(STATES)('that is %s goes only where its state allows', async (state) => {
    for (const target of STATES.filter((one) => one !== state)) {
      hour += 1;
      const startsAt = new Date(Date.UTC(2032, 0, 1, hour));
      const id = await bookAppointment(core, clinic, {
        startsAt: startsAt.toISOString(),
        endsAt: new Date(startsAt.getTime() + 1_800_000).toISOString(),
      });
      for (const step of WAY[state]) await move(id, step);
      if (ALLOWED[state].includes(target)) await move(id, target);
      else await expect(move(id, target), `${state} to ${target}`).rejects.toMatchObject({ code: 'BW002' });
    }
  });

  test('is born SCHEDULED', async () => {
    await expect(
      core`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at, status, completed_at)
        values (${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]},
          '2033-03-01T08:00Z', '2033-03-01T09:00Z', 'COMPLETED', now())`,
    ).rejects.toMatchObject({ code: 'BW002' });
  });

  test('of an import exists once per integration and external id, for ever, and only in the future', async () => {
    const partner = database.as('bridgework_appointment');
    const take = async (startsAt: string, externalId: string) => {
      const [told] = await partner`select result, errors from appointment.record_import(null, 'int_a', ${
        [
          {
            external_id: externalId,
            patient_id: clinic.patientId,
            provider_id: clinic.providerIds[1],
            chair_id: clinic.chairIds[1],
            starts_at: startsAt,
            ends_at: startsAt.replace(':00Z', ':20Z'),
          },
        ] as never
      }::jsonb)`;
      return told;
    };
    const refused = (code: string) => ({ result: 'REJECTED', errors: [{ pointer: '/rows/0', code }] });
    expect(await take('2034-01-01T08:00Z', 'one')).toMatchObject({ result: 'IMPORTED' });
    expect(await take('2034-01-02T08:00Z', 'one')).toEqual(refused('clinic-authoritative'));
    expect(await take('2020-01-02T08:00Z', 'two')).toEqual(refused('not-in-future'));
    await expect(
      core`insert into appointment.appointments
        (patient_id, provider_id, chair_id, starts_at, ends_at, source, imported_by_integration_id, external_id)
        values (${clinic.patientId}, ${clinic.providerIds[1]}, ${clinic.chairIds[1]}, '2034-01-03T08:00Z',
          '2034-01-03T08:20Z', 'IMPORT', 'int_a', 'one')`,
    ).rejects.toMatchObject({ code: '23505' });
  });
});

test('a completed visit does not change any more', async () => {
  const appointmentId = await bookAppointment(core, clinic, {
    startsAt: '2035-01-01T08:00Z',
    endsAt: '2035-01-01T09:00Z',
  });
  const [visit] = await core<{ id: string }[]>`insert into appointment.visits (appointment_id, patient_id, provider_id)
    values (${appointmentId}, ${clinic.patientId}, ${clinic.providerIds[0]}) returning id`;
  const id = visit?.id ?? '';
  await core`update appointment.visits set status = 'COMPLETED' where id = ${id}`;
  await expect(
    core`update appointment.visits set status = 'OPEN', completed_at = null where id = ${id}`,
  ).rejects.toMatchObject({ code: 'BW002' });
  await expect(core`update appointment.visits set started_at = now() where id = ${id}`).rejects.toMatchObject({
    code: 'BW002',
  });
});
