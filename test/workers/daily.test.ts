import type { Context } from '@bridgework/kernel/context';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import type { Logger } from '@bridgework/kernel/logger';
import { DAILY_JOBS, type DailyJob, startDailyJobs } from '@bridgework/workers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { activeIntegration, draftInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

interface Line {
  readonly job: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

let database: TestDatabase;
let pool: Database;
let now: Date;
let lines: Line[];

beforeEach(async () => {
  database = await createDatabase();
  pool = openDatabase({ url: database.urlFor('bridgework_workers'), applicationName: 'test daily', maxConnections: 2 });
  now = new Date('2026-03-01T12:00:00Z');
  lines = [];
});
afterEach(async () => {
  await pool.close();
  await database.drop();
});

/** A job's context; the log keeps what is said. */
function contextOf(job: string): Context {
  const say = (fields: object, message: string) => lines.push({ job, message, ...fields });
  const log = { debug: say, info: say, warn: say, error: say, child: () => log } as unknown as Logger;
  return { db: pool.db, caller: { kind: 'system', job }, now: () => now, log, requestId: 'req_x' };
}
const saidBy = (job: string) => lines.filter((line) => line.job === job);

/** Runs jobs until each has been done for the day that `now` is in. */
async function runDay(jobs: readonly DailyJob[] = DAILY_JOBS): Promise<void> {
  lines = [];
  const running = startDailyJobs(contextOf, { jobs, everyMs: 5 });
  try {
    await eventually(() => jobs.every(({ name }) => saidBy(name).some(({ message }) => message === 'job.done')));
  } finally {
    await running.close();
  }
}

test('a job is done once at the start and once on each later day of the clinic, whatever day it is in London', async () => {
  await writeClinicRows(database.as('core_app', 1), 'Asia/Riyadh');
  let looks = 0;
  const clocked = (): Date => {
    looks += 1;
    return now;
  };
  const days: unknown[] = [];
  const job: DailyJob = { name: 'count', run: async () => ({}) };
  const running = startDailyJobs((name) => ({ ...contextOf(name), now: clocked }), { jobs: [job], everyMs: 5 });
  /** Long enough for the job to have looked at the clock and done what it would do. */
  const twoLooks = async () => {
    const seen = looks;
    await eventually(() => looks >= seen + 3);
    days.splice(0, days.length, ...saidBy('count').map(({ day }) => day));
  };
  await twoLooks();
  expect(days).toEqual(['2026-03-01']);
  now = new Date('2026-03-01T20:59:00Z');
  await twoLooks();
  expect(days).toEqual(['2026-03-01']);
  // Midnight in Riyadh, and five minutes for a database whose clock is behind.
  now = new Date('2026-03-01T21:04:59Z');
  await twoLooks();
  expect(days).toEqual(['2026-03-01']);
  now = new Date('2026-03-01T21:05:00Z');
  await twoLooks();
  expect(days).toEqual(['2026-03-01', '2026-03-02']);
  now = new Date('2026-03-04T09:00:00Z');
  await twoLooks();
  expect(days).toEqual(['2026-03-01', '2026-03-02', '2026-03-04']);
  await running.close();
});

test('a job that fails is tried again and holds up no other', async () => {
  let failures = 2;
  const flaky: DailyJob = {
    name: 'flaky',
    run: async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('not now');
      return { mended: true };
    },
  };
  await runDay([flaky, { name: 'steady', run: async () => ({}) }]);
  expect(saidBy('flaky').map(({ message }) => message)).toEqual(['job.failed', 'job.failed', 'job.done']);
  expect(saidBy('steady').map(({ message }) => message)).toEqual(['job.done']);
});

test('an installment of yesterday in the clinic is marked overdue, once', async () => {
  const core = database.as('core_app', 1);
  const clinic = await writeClinicRows(core);
  const invoiceId = await draftInvoice(core, clinic, { totalMinor: 300 });
  await core`insert into billing.invoice_lines (invoice_key, position, description, amount_minor)
    select key, 1, 'x', 300 from billing.invoices where id = ${invoiceId}`;
  await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
    select key, n, base.local_date(now()) - 2 + n, 100 from billing.invoices, generate_series(1, 3) n
    where id = ${invoiceId}`;
  await core`update billing.invoices set status = 'ISSUED' where id = ${invoiceId}`;
  await runDay();
  await runDay();
  expect(saidBy('installments.mark_overdue')).toMatchObject([{ marked: 0 }]);
  const events = await database.as('owner', 1)`select data->>'number' as number from outbox.events
    where type = 'installment.overdue'`;
  expect([...events]).toEqual([{ number: '1' }]);
});

test('requests of 8 days, stored answers of 31, reports of 91 and months past 90 days go; what is younger stays', async () => {
  const owner = database.as('owner', 1);
  await owner`insert into idempotency.requests (principal, idempotency_key, operation, fingerprint, outcome, request_id,
      created_at)
    select 'int_x', days::text, 'o', 'f', '{}', 'req_x', now() - make_interval(days => days)
    from unnest(array[29, 31]) days`;
  await owner`insert into integration.control_reports (batch_id, gateway_id, applied_at)
    select days::text, 'g', now() - make_interval(days => days) from unnest(array[89, 91]) days`;
  const integrationKey = await activeIntegration(owner, 'Asking', ['read:appointments']);
  await owner`with token as (
      insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment, scopes, created_by)
      values (${integrationKey}, 't', '0123456789', ${'0'.repeat(64)}, 'p1', 'sandbox', '{read:appointments}', 'user a')
      returning key
    )
    insert into integration.rest_requests (id, integration_key, token_key, method, route, status, received_at, duration_ms)
    select days::text, ${integrationKey}, key, 'GET', '/api/v1/me', 200, now() - make_interval(days => days), 1
    from token, unnest(array[6, 8]) days`;
  await owner`select base.add_months(month, month)
    from (select (date_trunc('month', now()) - interval '6 months')::date as month) m`;
  await owner`insert into outbox.events (type, entity_type, entity_id, data, event_month)
    values ('visit.completed', 'visit', 'vis_x', '{}', date_trunc('month', now()) - interval '6 months')`;
  await runDay();
  expect([...(await owner`select idempotency_key as days from idempotency.requests`)]).toEqual([{ days: '29' }]);
  expect([...(await owner`select batch_id as days from integration.control_reports`)]).toEqual([{ days: '89' }]);
  expect([...(await owner`select id as days from integration.rest_requests`)]).toEqual([{ days: '6' }]);
  expect([...(await owner`select id from outbox.events`)]).toEqual([]);
  expect(saidBy('idempotency.forget')).toMatchObject([{ message: 'job.done', forgotten: 1 }]);
  expect(saidBy('rest_requests.forget')).toMatchObject([{ message: 'job.done', forgotten: 1 }]);
  expect(saidBy('control_reports.forget')).toMatchObject([{ message: 'job.done', forgotten: 1 }]);
  expect(saidBy('retention.drop')).toMatchObject([
    { message: 'retention.undelivered_dropped', notFannedOut: 1 },
    { message: 'job.done', dropped: [{ events: 1, deliveries: 0 }] },
  ]);
  await runDay();
  expect(saidBy('retention.drop')).toMatchObject([{ dropped: [] }]);
  expect(saidBy('partitions.ensure')).toMatchObject([{ made: [] }]);
});

test('before the clinic has said where it is nothing is overdue and nothing fails', async () => {
  await runDay();
  expect(lines.map(({ message }) => message)).toEqual(DAILY_JOBS.map(() => 'job.done'));
});
