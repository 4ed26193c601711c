import { subgraph } from '@bridgework/billing';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { seedOfRun } from '../support/random.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';
import { planSchedule, TERMINAL_OWNERS } from './schedules/plan-schedule.ts';
import {
  type Answered,
  type Closed,
  runSchedule,
  type Told,
  type Unexpected,
  type Writers,
} from './schedules/run-schedule.ts';

const SCHEDULES = 1_000;
/** Schedules under way at once; each has four to nine writers. */
const AT_ONCE = 4;
const seed = seedOfRun();

let database: TestDatabase;
let owner: Sql;
let billing: SubgraphUnderTest;
let told: readonly (Told | Unexpected)[];
let answers: readonly Answered[];

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  const core = database.as('core_app', 16);
  billing = openSubgraph(subgraph, database, 16);
  const terminals = Array.from({ length: TERMINAL_OWNERS }, () => partner('write:payments'));
  const clinic = await writeClinicRows(core);
  told = await runAll({ core, clinic, terminals, contextOf: billing.contextOf });
  answers = told.filter((one) => one.kind === 'answered');
}, 180_000);
afterAll(async () => {
  await billing.close();
  await database.drop();
});

async function runAll(writers: Writers): Promise<readonly (Told | Unexpected)[]> {
  const results: (Told | Unexpected)[] = [];
  let next = 0;
  const lane = async () => {
    while (next < SCHEDULES) {
      const index = next;
      next += 1;
      results.push(...(await runSchedule(writers, planSchedule(seed + index, index))));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return results;
}

const refusedWith = (...codes: string[]) =>
  answers.filter(({ outcome }) => outcome.kind === 'rejected' && codes.includes(outcome.code));

/** Rows 10 to 15 and 17 of the decision table: refusals that a manager must see. */
const KEPT = [
  'TRANSACTION_CONFLICT',
  'NOT_FOUND',
  'INVOICE_NOT_PAYABLE',
  'INVOICE_ALREADY_PAID',
  'CURRENCY_MISMATCH',
  'AMOUNT_EXCEEDS_BALANCE',
  'CONFIRMATION_TOO_OLD',
] as const;

describe(`${SCHEDULES} random schedules of racing payments (TEST_SEED=${seed})`, () => {
  test('meet nothing unexpected and no deadlock', async () => {
    expect(told.filter((one) => one.kind === 'unexpected')).toEqual([]);
    const [row] = await owner`select deadlocks::integer from pg_stat_database where datname = current_database()`;
    expect(row).toEqual({ deadlocks: 0 });
  });

  test('take every way through the decision table', () => {
    const ways = new Map<string, number>();
    for (const { outcome, replayed } of answers) {
      const way = `${outcome.kind === 'recorded' ? 'RECORDED' : outcome.code}${replayed ? ' again' : ''}`;
      ways.set(way, (ways.get(way) ?? 0) + 1);
    }
    for (const code of ['RECORDED', 'RECORDED again', 'CAPTURED_IN_FUTURE', ...KEPT]) {
      expect(ways.get(code), `${code} in ${JSON.stringify([...ways])}`).toBeGreaterThan(0);
    }
    expect(told.filter((one) => one.kind === 'cash' && one.paid).length).toBeGreaterThan(SCHEDULES / 10);
    expect(told.filter((one) => one.kind === 'closed').length).toBeGreaterThan(SCHEDULES / 10);
  });

  test('never pay more than the total, and what is paid is the sum of the payments', async () => {
    const wrong = await owner`select i.id, i.status, i.total_minor, i.paid_minor, p.sum from billing.invoices i
      left join lateral (select coalesce(sum(amount_minor), 0)::bigint as sum, bool_and(currency = i.currency) as same
        from billing.payments where invoice_id = i.id) p on true
      where p.sum > i.total_minor or p.sum <> i.paid_minor or p.same = false
        or i.status in ('DRAFT', 'VOID', 'ISSUED') and p.sum > 0
        or (i.status = 'PAID') <> (p.sum = i.total_minor)`;
    expect([...wrong]).toEqual([]);
  });

  test('record exactly what was accepted: payment, confirmation, event and audit row each once', async () => {
    const accepted = answers
      .flatMap(({ outcome, replayed }) => (outcome.kind === 'recorded' && !replayed ? [outcome.receipt.paymentId] : []))
      .sort();
    const ids = async (rows: PromiseLike<readonly { id: string }[]>) => (await rows).map(({ id }) => id).sort();
    expect(await ids(owner`select id from billing.payments where method = 'CARD'`)).toEqual(accepted);
    expect(
      await ids(owner`select payment_id as id from billing.terminal_confirmations where status = 'RECORDED'`),
    ).toEqual(accepted);
    expect(
      await ids(owner`select entity_id as id from audit.entries where action = 'payment.confirm' and result = 'OK'`),
    ).toEqual(accepted);
    const paid = await ids(owner`select id from billing.payments`);
    expect(await ids(owner`select entity_id as id from outbox.events where type = 'payment.received'`)).toEqual(paid);
    expect(paid.length - accepted.length).toBe(told.filter((one) => one.kind === 'cash' && one.paid).length);
  });

  test('leave for every answer its stored outcome and one audit row', async () => {
    const stored = new Map(
      (await owner`select principal, idempotency_key, outcome from idempotency.requests`).map((row) => [
        `${row.principal} ${row.idempotency_key}`,
        row.outcome as unknown,
      ]),
    );
    const audited = await owner`select request_id, result, error_message from audit.entries`;
    const lines = new Map(audited.map((row) => [row.request_id, `${row.result} ${row.error_message ?? ''}`]));
    expect(audited).toHaveLength(answers.length);
    for (const { integrationId, idempotencyKey, requestId, outcome, replayed } of answers) {
      expect(stored.get(`${integrationId} ${idempotencyKey}`)).toEqual(outcome);
      const why = outcome.kind === 'rejected' ? outcome.code : '';
      const result = replayed ? 'REPLAY' : outcome.kind === 'recorded' ? 'OK' : 'REJECTED';
      expect(lines.get(requestId)).toBe(`${result} ${why}`);
    }
  });

  test('keep for every refusal of rows 10 to 15 and 17 the record that a manager resolves', async () => {
    const rows = await owner`select id, integration_id, terminal_txn_id, status, reason
      from billing.terminal_confirmations where status <> 'RECORDED'`;
    const kept = new Map(rows.map((row) => [row.id, row]));
    const refusals = refusedWith(...KEPT);
    for (const { outcome, integrationId, terminalTxnId } of refusals) {
      if (outcome.kind !== 'rejected') continue;
      expect(kept.get(outcome.confirmationId)).toMatchObject({
        integration_id: integrationId,
        terminal_txn_id: terminalTxnId,
        status: outcome.code === 'TRANSACTION_CONFLICT' ? 'DUPLICATE' : 'REJECTED',
        reason: outcome.code,
      });
    }
    const named = new Set(
      refusals.flatMap(({ outcome }) => (outcome.kind === 'rejected' ? [outcome.confirmationId] : [])),
    );
    expect(named.size).toBe(rows.length);
    for (const { outcome } of refusedWith('CAPTURED_IN_FUTURE'))
      expect(outcome).toMatchObject({ confirmationId: null });
  });

  test('add nothing to a day after it was closed', async () => {
    const closed = told.filter((one): one is Closed => one.kind === 'closed');
    const booked = await owner`select day.business_date::text as day, count(p.key)::integer as payments
      from billing.business_days day left join billing.payments p using (business_date)
      where day.status = 'CLOSED' group by 1`;
    const byDay = new Map(booked.map(({ day, payments }) => [day, payments]));
    for (const { day, payments } of closed) expect(byDay.get(day), day).toBe(payments);
    expect(byDay.size).toBe(closed.length);
    expect(new Set(closed.map(({ payments }) => payments)).size).toBeGreaterThan(1);
  });
});
