import type { Context } from '@bridgework/kernel/context';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import type { Logger } from '@bridgework/kernel/logger';
import { DAILY_JOBS } from '@bridgework/workers';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pool: Database;
let registry: Sql;
let owner: Sql;
beforeAll(async () => {
  database = await createDatabase();
  pool = openDatabase({
    url: database.urlFor('bridgework_workers'),
    applicationName: 'test reviews',
    maxConnections: 2,
  });
  registry = database.as('bridgework_integration', 1);
  owner = database.as('owner', 1);
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

/** Runs a daily job as the worker process does, on a day of our choosing. */
function run(name: string, at: Date): Promise<Readonly<Record<string, unknown>>> {
  const job = DAILY_JOBS.find((one) => one.name === name);
  if (job === undefined) throw new Error(`There is no job ${name}.`);
  const say = () => undefined;
  const log = { debug: say, info: say, warn: say, error: say, child: () => log } as unknown as Logger;
  const ctx: Context = { db: pool.db, caller: { kind: 'system', job: name }, now: () => at, log, requestId: 'req_x' };
  return job.run(ctx);
}
const daysAfter = (date: Date, days: number): Date => new Date(date.getTime() + days * 86_400_000);
async function integration(name: string, scopes: readonly string[] = ['read:appointments']) {
  const key = await activeIntegration(registry, name, scopes);
  const [row] = await owner<{ id: string; due: string }[]>`
    select id, review_due_on::text as due from integration.integrations where key = ${key}`;
  if (row === undefined) throw new Error('There is no such integration.');
  return { key, id: row.id, dueAt: new Date(`${row.due}T12:00:00Z`) };
}
const alertsOf = async (entityId: string): Promise<readonly string[]> =>
  (await owner<{ kind: string }[]>`select kind from integration.alerts where entity_id = ${entityId} order by key`).map(
    ({ kind }) => kind,
  );
/** As if the alerts so far had been raised this long ago: the window they speak for is over. */
const age = (days: number) =>
  owner.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update integration.alerts set raised_at = raised_at - ${`${days} days`}::interval,
      window_number = window_number - ${days * 100}`;
  });
const statusOf = async (id: string) =>
  (await owner`select status, pause_reason as reason from integration.integrations where id = ${id}`)[0];

describe('a review', () => {
  test('that is overdue alerts each day and pauses the integration when 14 days have passed, audited', async () => {
    const { id, dueAt } = await integration('Late');
    await run('reviews.check', dueAt);
    expect(await alertsOf(id)).toEqual([]);
    for (const days of [1, 2, 14]) {
      expect(await run('reviews.check', daysAfter(dueAt, days))).toEqual({ alerted: 1, paused: 0 });
      await run('reviews.check', daysAfter(dueAt, days));
      expect(await statusOf(id)).toMatchObject({ status: 'ACTIVE' });
      await age(1);
    }
    expect(await alertsOf(id)).toEqual(['review.overdue', 'review.overdue', 'review.overdue']);
    expect(await run('reviews.check', daysAfter(dueAt, 15))).toEqual({ alerted: 0, paused: 1 });
    expect(await run('reviews.check', daysAfter(dueAt, 15))).toEqual({ alerted: 0, paused: 0 });
    expect(await statusOf(id)).toEqual({ status: 'PAUSED', reason: expect.stringContaining('review that was due on') });
    expect((await alertsOf(id)).at(-1)).toBe('review.missed');
    const entries = await owner`select actor, action, result from audit.entries where entity_id = ${id}`;
    expect([...entries]).toEqual([{ actor: 'system reviews.check', action: 'integration.pause', result: 'OK' }]);
  });
});

describe('what is going to end', () => {
  test('is told 14 days ahead and again every six days: tokens and sensitive scopes, but not what was rotated', async () => {
    const { key, id } = await integration('Ending', ['read:appointments', 'write:payments']);
    const issue = async (publicId: string, days: number, from: string | null = null) => {
      const [row] = await registry<{ id: string; key: string }[]>`
        insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment, scopes,
          expires_at, rotated_from_key, created_by)
        values (${key}, ${publicId}, ${publicId}, ${publicId.padEnd(64, '0')}, 'p', 'sandbox', '{read:appointments}',
          now() + ${`${days} days`}::interval, ${from}, 'user a') returning id, key`;
      return row ?? { id: '', key: '' };
    };
    const [soon, later, rotated] = [
      await issue('aaaaaaaaaa', 20),
      await issue('bbbbbbbbbb', 60),
      await issue('cccccccccc', 5),
    ];
    await issue('dddddddddd', 200, rotated.key);
    await run('expiries.notice', new Date());
    expect(await alertsOf(soon.id)).toEqual([]);
    const noticed = await run('expiries.notice', daysAfter(new Date(), 7));
    expect(noticed).toEqual({ tokens: 1, scopes: 0 });
    expect(await run('expiries.notice', daysAfter(new Date(), 8))).toEqual({ tokens: 0, scopes: 0 });
    await age(7);
    expect(await run('expiries.notice', daysAfter(new Date(), 14))).toEqual({ tokens: 1, scopes: 0 });
    expect(await alertsOf(soon.id)).toEqual(['token.expiring', 'token.expiring']);
    expect([await alertsOf(later.id), await alertsOf(rotated.id)]).toEqual([[], []]);
    // The approval of write:payments is good for a year.
    expect(await run('expiries.notice', daysAfter(new Date(), 355))).toMatchObject({ scopes: 1 });
    expect(await alertsOf(`${id} write:payments`)).toEqual(['scope.expiring']);
  });
});
