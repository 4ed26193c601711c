import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createJumpingClock,
  playDays,
  readSimulateArguments,
  runSimulate,
  seedSmallClinic,
} from '@bridgework/launcher';
import { EVENT_TYPES, projectEvent } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const databases: TestDatabase[] = [];
let now: Date;

/** A clinic on whose last events everybody has been told of already. */
async function openClinic(): Promise<TestDatabase> {
  const database = await createDatabase();
  databases.push(database);
  await seedSmallClinic(database.ownerUrl, { now });
  return database;
}
const play = (database: TestDatabase, seed: number, days = 1) =>
  playDays({ coreUrl: database.urlFor('core_app'), days, seed, clock: createJumpingClock() });

beforeAll(() => {
  now = new Date();
});
afterAll(async () => {
  for (const database of databases) await database.drop();
});

describe('a played day', () => {
  test.each([1, 2, 3])('brings about each of the eight events, as their contract says (seed %i)', async (seed) => {
    const database = await openClinic();
    const tally = await play(database, seed);
    expect(tally.givenUp).toBe(0);
    const events = await database.as('owner')<{ type: (typeof EVENT_TYPES)[number]; data: Record<string, unknown> }[]>`
      select type, data from outbox.events where fanned_out_at is null`;
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(EVENT_TYPES));
    for (const { type, data } of events) projectEvent(type, data, { financials: true });
    const told = (type: string) => events.filter((event) => event.type === type).length;
    expect(told('appointment.created')).toBe(tally.booked);
    expect(told('visit.completed')).toBe(tally.treated);
    expect(told('invoice.created')).toBe(tally.invoiced);
    expect(told('payment.received')).toBe(tally.paid);
    expect(told('installment.overdue')).toBe(tally.overdue);
    expect(told('inventory.low_stock')).toBe(tally.ranLow);
  });

  test('leaves a whole clinic behind: the day closed, its money placed by the clinic’s clock', async () => {
    const database = await openClinic();
    const tally = await play(database, 4, 3);
    expect(tally.treated).toBeGreaterThan(10);
    expect(tally.inInstallments).toBeGreaterThanOrEqual(3);
    const owner = database.as('owner');
    const [visits] = await owner`select count(*)::int as bare from appointment.visits v
      where status = 'COMPLETED' and (not exists (select 1 from appointment.visit_procedures p where p.visit_key = v.key))`;
    expect(visits).toEqual({ bare: 0 });
    const [money] = await owner`select
      (select count(*)::int from billing.payments where business_date < base.local_date(captured_at)) as early,
      (select count(*)::int from billing.invoices i where paid_minor
        <> (select coalesce(sum(amount_minor), 0) from billing.payments p where p.invoice_id = i.id)) as unbalanced`;
    expect(money).toEqual({ early: 0, unbalanced: 0 });
    const [yesterday] = await owner`select status from billing.business_days
      where business_date = (select max(d) from (select base.local_date(now()) - n as d from generate_series(1, 2) n) x
        where extract(isodow from d) <> 5)`;
    expect(yesterday).toEqual({ status: 'CLOSED' });
  });

  test('is the same for the same seed, and another for another', async () => {
    const [one, same, other] = await Promise.all([openClinic(), openClinic(), openClinic()]);
    const tally = await play(one, 21, 2);
    expect(await play(same, 21, 2)).toEqual(tally);
    expect(await play(other, 22, 2)).not.toEqual(tally);
    const lines = (database: TestDatabase) => database.as('owner')`
      select captured_at, amount_minor, method, business_date from billing.payments order by key`;
    expect([...(await lines(same))]).toEqual([...(await lines(one))]);
  });

  test('can be played again: what is full or closed by now is met, not stumbled over', async () => {
    const database = await openClinic();
    await play(database, 5);
    expect((await play(database, 5)).givenUp).toBe(0);
  });

  test('waits for the clinic’s clock before each thing that happens', async () => {
    const database = await openClinic();
    const reached: number[] = [];
    await playDays({
      ...{ coreUrl: database.urlFor('core_app'), days: 1, seed: 6 },
      clock: { skipTo: () => undefined, reach: async (instant) => void reached.push(instant.getTime()) },
    });
    expect(reached.length).toBeGreaterThan(20);
    expect(reached.at(-1)).toBe(Math.max(...reached));
  });
});

describe('npm run simulate', () => {
  test('understands its arguments', () => {
    expect(readSimulateArguments(['--days', '5', '--speed', '60x'])).toEqual({ days: 5, speed: 60, seed: 1 });
    expect(readSimulateArguments(['--speed=1.5', '--seed=7'])).toEqual({ days: 1, speed: 1.5, seed: 7 });
    expect(readSimulateArguments(['--help'])).toBe('help');
  });

  test.each([
    [['--days', '0'], /--days is a whole number from 1 to 30, for example --days 5; not "0"/],
    [['--days', '2.5'], /--days/],
    [['--days', '31'], /--days/],
    [['--speed', 'fast'], /--speed is a number from 1x to 100000x, for example --speed 60x; not "fast"/],
    [['--speed', '0x'], /--speed/],
    [['--seed', '-1'], /--seed/],
    [['--seed=x'], /--seed is a whole number/],
    [['--dayz', '5'], /'--dayz'.*npm run simulate -- --help/],
    [['five'], /'five'.*--help/],
  ])('says what is wrong with %j', (given, sentence) => {
    expect(() => readSimulateArguments(given)).toThrow(sentence);
  });

  test('says in one sentence that no sandbox runs', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'bridgework-no-sandbox-'));
    try {
      const signal = new AbortController().signal;
      await expect(runSimulate({ dataDir, given: [], out: process.stdout, signal })).rejects.toThrow(
        `No sandbox runs on ${dataDir}. Start one with npm start`,
      );
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
