import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClinicRows, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Random, randomFrom, seedOfRun } from '../support/random.ts';

const ROUNDS = 300;
const AT_ONCE = 4;
const MINUTE_MS = 60_000;
const seed = seedOfRun();

interface Told {
  readonly kind: 'booked' | 'taken' | 'moved';
  readonly externalId?: string;
}

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let partner: Sql;
let clinic: ClinicRows;
let told: readonly Told[];
let failures: readonly unknown[];

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app', 16);
  partner = database.as('bridgework_appointment', 16);
  clinic = await writeClinicRows(core);
  const outcomes = await raceAll();
  told = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
}, 120_000);
afterAll(() => database.drop());

/** Each round is one morning of two providers and two chairs that several writers want at the same moment. */
async function raceAll(): Promise<PromiseSettledResult<Told>[]> {
  const outcomes: PromiseSettledResult<Told>[] = [];
  let next = 0;
  const lane = async () => {
    while (next < ROUNDS) {
      const round = next;
      next += 1;
      const random = randomFrom(seed + round);
      const day = new Date(Date.UTC(2040, 0, 1 + round, 8));
      outcomes.push(...(await Promise.allSettled(wantsOf(random, round, day).map((want) => want()))));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return outcomes;
}

function wantsOf(random: Random, round: number, day: Date): (() => Promise<Told>)[] {
  const names = Array.from({ length: 3 }, (_, index) => `ext-${round}-${index}`);
  return Array.from({ length: random.int(4, 10) }, () => {
    const startsAt = new Date(day.getTime() + random.int(0, 8) * 15 * MINUTE_MS);
    const endsAt = new Date(startsAt.getTime() + random.int(1, 4) * 15 * MINUTE_MS);
    const place = { startsAt, endsAt, provider: random.int(0, 1), chair: random.int(0, 1) };
    const externalId = random.pick(names);
    if (random.chance(0.15)) return () => cancelOne(startsAt);
    return random.chance(0.5) ? () => book(place) : () => takeOver(place, externalId);
  });
}

interface Place {
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly provider: number;
  readonly chair: number;
}

async function book({ startsAt, endsAt, provider, chair }: Place): Promise<Told> {
  const rows = await core`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    values (${clinic.patientId}, ${clinic.providerIds[provider] ?? ''}, ${clinic.chairIds[chair] ?? ''},
      ${startsAt}, ${endsAt}) on conflict do nothing returning id`;
  return { kind: rows.length === 1 ? 'booked' : 'taken' };
}

/** An import: the same external id may come from several requests at once, with other times. */
async function takeOver({ startsAt, endsAt, provider, chair }: Place, externalId: string): Promise<Told> {
  const wanted = {
    external_id: externalId,
    patient_id: clinic.patientId,
    provider_id: clinic.providerIds[provider],
    chair_id: clinic.chairIds[chair],
    starts_at: startsAt,
    ends_at: endsAt,
  };
  const [told] = await partner`
    select imported_count from appointment.record_import(null, 'int_x', ${[wanted] as never}::jsonb)`;
  return told?.imported_count === 1 ? { kind: 'booked', externalId } : { kind: 'taken' };
}

async function cancelOne(startsAt: Date): Promise<Told> {
  await core`update appointment.appointments set status = 'CANCELLED'
    where starts_at = ${startsAt} and status = 'SCHEDULED'`;
  return { kind: 'moved' };
}

describe(`bookings and imports that race for the same chairs (TEST_SEED=${seed})`, () => {
  test('meet nothing unexpected and no deadlock', async () => {
    expect(failures).toEqual([]);
    const [row] = await owner`select deadlocks::integer from pg_stat_database where datname = current_database()`;
    expect(row).toEqual({ deadlocks: 0 });
    expect(told.filter(({ kind }) => kind === 'booked').length).toBeGreaterThan(ROUNDS);
    expect(told.filter(({ kind }) => kind === 'taken').length).toBeGreaterThan(ROUNDS);
  });

  test('never put two appointments on one provider or chair', async () => {
    const overlaps = await owner`select a.id, b.id as other from appointment.appointments a
      join appointment.appointments b on a.key < b.key
        and (a.provider_id = b.provider_id or a.chair_id = b.chair_id)
        and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
      where a.status <> 'CANCELLED' and b.status <> 'CANCELLED'`;
    expect([...overlaps]).toEqual([]);
  });

  test('take over each external id once, for ever, and say so to one caller', async () => {
    const rows = await owner`select external_id from appointment.appointments where source = 'IMPORT' order by 1`;
    const imported = rows.map(({ external_id }) => String(external_id));
    expect(new Set(imported).size).toBe(imported.length);
    const booked = told.flatMap(({ externalId }) => (externalId === undefined ? [] : [externalId]));
    expect(booked.sort()).toEqual(imported.sort());
  });

  test('leave one appointment.created for each row that stands', async () => {
    const [row] = await owner`select
      (select count(*)::integer from appointment.appointments) as rows,
      (select count(distinct entity_id)::integer from outbox.events where type = 'appointment.created') as entities,
      (select count(*)::integer from outbox.events where type = 'appointment.created') as events`;
    const booked = told.filter(({ kind }) => kind === 'booked').length;
    expect(row).toEqual({ rows: booked, entities: booked, events: booked });
  });
});
