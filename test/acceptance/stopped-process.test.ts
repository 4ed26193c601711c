import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { subgraph } from '@bridgework/billing';
import { sealAuditEntries } from '@bridgework/kernel/audit-seals';
import { refusalOf } from '@bridgework/kernel/database-errors';
import { newId } from '@bridgework/kernel/ids';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { confirmPayment } from '../../subgraphs/billing/src/payments/confirm-payment.ts';
import { bookAppointment, type ClinicRows, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const FIXTURE = fileURLToPath(new URL('fixtures/stop-inside-transaction.mjs', import.meta.url));
const OTHERS = 60;

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let billing: SubgraphUnderTest;
let clinic: ClinicRows;
let child: ChildProcess | undefined;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app', 8);
  billing = openSubgraph(subgraph, database);
  clinic = await writeClinicRows(core);
});
afterEach(() => {
  child?.kill('SIGKILL');
});
afterAll(async () => {
  await billing.close();
  await database.drop();
});

/** A process of our own role that stands still between its writes and its commit. */
async function stopOne(invoiceId: string, idleTimeout: string): Promise<ChildProcess & { readonly pid: number }> {
  const started = spawn(process.execPath, [FIXTURE, database.urlFor('bridgework_billing'), invoiceId, idleTimeout], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  const inside = await Promise.race([
    once(started.stdout, 'data').then(() => true),
    once(started, 'exit').then(() => false),
  ]);
  if (!inside) throw new Error('The process ended before it stood inside its transaction.');
  if (started.pid === undefined) throw new Error('The process did not start.');
  process.kill(started.pid, 'SIGSTOP');
  return started as ChildProcess & { readonly pid: number };
}

const confirm = (invoiceId: string) =>
  confirmPayment(
    billing.contextOf(partner('write:payments')),
    {
      invoiceId,
      amountMinor: 100,
      currency: 'SAR',
      terminalId: 'T1',
      terminalTxnId: newId('req'),
      capturedAt: new Date(Date.now() - 60_000),
      card: null,
      approvalCode: null,
    },
    newId('req'),
  );

const stillInside = async () =>
  (
    await owner`select 1 from pg_stat_activity where datname = current_database() and usename = 'bridgework_billing'
    and state = 'idle in transaction'`
  ).length;

test('beside a process that stands still inside its transaction, confirmations, core writes and the sealer go on', async () => {
  const held = await issueInvoice(core, clinic);
  const others = await Promise.all(Array.from({ length: OTHERS }, () => issueInvoice(core, clinic)));
  const { pid } = await stopOne(held, '0');
  const workers = drizzle(database.as('bridgework_workers', 1), { casing: 'snake_case' });

  const answers = await Promise.all(others.map(confirm));
  expect(new Set(answers.map(({ outcome }) => outcome.kind))).toEqual(new Set(['recorded']));
  await Promise.all(
    others.map(async (invoiceId) => {
      await core`insert into billing.payments (invoice_id, currency, amount_minor, method)
        values (${invoiceId}, 'SAR', 100, 'CASH')`;
    }),
  );
  await bookAppointment(core, clinic);
  await issueInvoice(core, clinic);
  await core`select billing.close_business_day(base.local_date(now()) - 1, 'user m')`;
  expect(await sealAuditEntries(workers, 1_000)).toBe(OTHERS);
  const fault = await confirm(held).catch((error: unknown) => error);
  expect(refusalOf(fault)?.code).toBe('TEMPORARILY_UNAVAILABLE');
  expect(await stillInside()).toBe(1);

  process.kill(pid, 'SIGKILL');
  await eventually(async () => (await stillInside()) === 0);
  expect((await confirm(held)).outcome.kind).toBe('recorded');
  const [row] = await owner`select count(*)::integer as payments from billing.payments where invoice_id = ${held}`;
  expect(row).toEqual({ payments: 1 });
});

test('what it held is free after two seconds, by the role’s own limit, and nothing of it stays', async () => {
  const held = await issueInvoice(core, clinic);
  await stopOne(held, 'default');
  // The core waits for the invoice as long as it takes.
  await core`insert into billing.payments (invoice_id, currency, amount_minor, method) values (${held}, 'SAR', 5, 'CASH')`;
  expect((await confirm(held)).outcome.kind).toBe('recorded');
  const [row] = await owner`select
    (select count(*)::integer from billing.payments where integration_id = 'int_stopped') as payments,
    (select count(*)::integer from audit.entries where integration_id = 'int_stopped') as entries,
    (select count(*)::integer from idempotency.requests where principal = 'int_stopped') as answers`;
  expect(row).toEqual({ payments: 0, entries: 0, answers: 0 });
});
