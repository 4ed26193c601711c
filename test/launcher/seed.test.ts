import { seedClinic, seedSmallClinic } from '@bridgework/launcher';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

// 17:10 in Riyadh, a Tuesday: some of the day is over, some is under way, some is still to come.
const now = new Date('2026-11-24T14:10:00Z');
let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

test('the fake clinic keeps every rule of the database, and is filled once', async () => {
  const clinic = await seedClinic(database.ownerUrl, { now });
  expect(clinic?.patients).toHaveLength(400);
  expect(clinic?.providers).toHaveLength(6);
  expect(clinic?.chairs).toHaveLength(4);
  expect(clinic?.items).toHaveLength(60);
  expect(await seedClinic(database.ownerUrl, { now })).toBeUndefined();

  const sql = database.as('owner');
  const statuses = await sql`select distinct status from appointment.appointments order by status`;
  expect(statuses.map(({ status }) => status)).toEqual([
    'CANCELLED',
    'COMPLETED',
    'CONFIRMED',
    'IN_PROGRESS',
    'NO_SHOW',
    'SCHEDULED',
  ]);
  const currencies = await sql`select currency from billing.invoices group by currency order by count(*) desc`;
  expect(currencies.map(({ currency }) => currency)).toEqual(['SAR', 'KWD']);
});

test('the days around today have appointments, visits, money owed and materials used', async () => {
  const sql = database.as('owner');
  for (const date of ['2026-11-23', '2026-11-24', '2026-11-25']) {
    const [row] = await sql`select count(*)::int as booked from appointment.appointments
      where base.local_date(starts_at) = ${date}`;
    expect(row?.booked).toBeGreaterThan(10);
  }
  const [row] = await sql`select count(*)::int as whole from appointment.appointments a
    join appointment.visits v on v.appointment_id = a.id join billing.invoices i on i.visit_id = v.id
    join inventory.visit_materials m on m.visit_id = v.id where base.local_date(a.starts_at) = '2026-11-23'`;
  expect(row?.whole).toBeGreaterThan(5);
  const [owed] = await sql`select count(*)::int as invoices from billing.invoices where status = 'ISSUED'`;
  expect(owed?.invoices).toBeGreaterThan(50);
});

test('no partner is told of a history that was made up', async () => {
  const [row] = await database.as('owner')`select count(*)::int as n from outbox.events where fanned_out_at is null`;
  expect(row?.n).toBe(0);
});

test('the same day gives the same clinic, but for the ids', async () => {
  const [first, second] = await Promise.all([createDatabase(), createDatabase()]);
  const [one, other] = await Promise.all([first, second].map(({ ownerUrl }) => seedSmallClinic(ownerUrl, { now })));
  const essence = (clinic: typeof one) => [
    clinic?.patients.map(({ full_name, phone_e164 }) => [full_name, phone_e164]),
    clinic?.appointments.map(({ starts_at, status }) => [starts_at, status]),
    clinic?.invoices.map(({ total_minor, payments }) => [total_minor, payments]),
  ];
  expect(essence(one)).toEqual(essence(other));
  expect(one?.patients[0]?.id).not.toBe(other?.patients[0]?.id);
  await Promise.all([first.drop(), second.drop()]);
});
