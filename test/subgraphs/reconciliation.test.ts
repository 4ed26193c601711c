import { subgraph } from '@bridgework/billing';
import type { Caller } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClinicRows, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { manager, openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const CONFIRM = `mutation ($input: ConfirmPaymentInput!, $key: String!) {
  confirmPayment(input: $input, idempotencyKey: $key) { confirmationId } }`;
const RESOLVE = `mutation ($id: ID!, $resolution: TerminalConfirmationResolution!, $paymentId: ID, $reason: String) {
  resolveTerminalConfirmation(id: $id, resolution: $resolution, paymentId: $paymentId, reason: $reason) {
    id status resolution resolutionReason paymentId resolvedBy } }`;

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let clinic: ClinicRows;
let graph: SubgraphUnderTest;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app');
  clinic = await writeClinicRows(core);
  graph = openSubgraph(subgraph, database);
});
afterAll(async () => {
  await graph.close();
  await database.drop();
});

/** A capture of more than is owed: refused, and kept for a manager. */
async function refusal() {
  const invoiceId = await issueInvoice(core, clinic, { totalMinor: 5_000 });
  const input = {
    invoiceId,
    amountMinor: 7_000,
    currency: 'SAR',
    terminalId: 'T1',
    terminalTxnId: newId('req'),
    capturedAt: new Date().toISOString(),
  };
  const caller = partner('write:payments');
  await graph.run(caller, CONFIRM, { input, key: newId('req') });
  const [kept] = await owner<{ id: string }[]>`select id from billing.terminal_confirmations
    where integration_id = ${caller.integrationId}`;
  return { id: kept?.id ?? '', caller, input };
}
/** The same amount, taken by the clinic itself on another invoice. */
async function ownPayment(amountMinor: number): Promise<string> {
  const invoiceId = await issueInvoice(core, clinic, { totalMinor: 20_000 });
  const [row] = await core<{ id: string }[]>`insert into billing.payments (invoice_id, currency, amount_minor, method)
    values (${invoiceId}, 'SAR', ${amountMinor}, 'CARD') returning id`;
  return row?.id ?? '';
}
async function resolve(variables: object, caller: Caller = manager) {
  const { data, errors } = await graph.run(caller, RESOLVE, { ...variables });
  return { resolved: data?.resolveTerminalConfirmation ?? null, refusal: errors?.[0]?.extensions ?? null };
}
const payments = async () => {
  const [row] = await owner<{ n: number }[]>`select count(*)::int as n from billing.payments`;
  return row?.n;
};

describe('a refused confirmation', () => {
  test('is linked to the payment that the clinic recorded itself, and makes none', async () => {
    const { id, caller, input } = await refusal();
    const paymentId = await ownPayment(7_000);
    const before = await payments();
    const { resolved } = await resolve({ id, resolution: 'LINKED', paymentId });
    expect(resolved).toMatchObject({ id, status: 'RESOLVED', resolution: 'LINKED', paymentId });
    expect(await payments()).toBe(before);
    // The same word again changes nothing; another one is too late.
    expect((await resolve({ id, resolution: 'LINKED', paymentId })).resolved).toEqual(resolved);
    expect((await resolve({ id, resolution: 'DISMISSED', reason: 'mistake' })).refusal?.code).toBe('CONFLICT');
    const audits = await owner<{ result: string; integration_id: string }[]>`select result, integration_id
      from audit.entries where action = 'confirmation.resolve' and entity_id = ${id} order by key`;
    expect(audits.map(({ result }) => result)).toEqual(['OK', 'REPLAY', 'REJECTED']);
    expect(audits[0]?.integration_id).toBe(caller.integrationId);
    // The terminal that sends it again is answered by what the manager decided, and books nothing.
    await graph.run(caller, CONFIRM, { input, key: newId('req') });
    expect(await payments()).toBe(before);
  });

  test('is dismissed with a reason that its partner is not told', async () => {
    const { id, caller } = await refusal();
    const { resolved } = await resolve({ id, resolution: 'DISMISSED', reason: 'The terminal has refunded it.' });
    expect(resolved).toMatchObject({ status: 'RESOLVED', resolutionReason: 'The terminal has refunded it.' });
    const text = 'query ($id: ID!) { terminalConfirmation(id: $id) { resolution resolutionReason resolvedBy } }';
    expect(await graph.read(caller, text, { id })).toEqual({
      terminalConfirmation: { resolution: 'DISMISSED', resolutionReason: null, resolvedBy: null },
    });
  });

  test('is linked to no payment of another amount, of another terminal, or of nobody', async () => {
    const { id } = await refusal();
    for (const paymentId of [await ownPayment(6_999), newId('pay')]) {
      expect((await resolve({ id, resolution: 'LINKED', paymentId })).refusal?.code).toBe('CONFLICT');
    }
  });

  test.each([
    ['LINKED without a payment', { resolution: 'LINKED' }],
    ['DISMISSED without a reason', { resolution: 'DISMISSED' }],
    ['DISMISSED with a payment', { resolution: 'DISMISSED', reason: 'x', paymentId: 'pay_x' }],
  ])('is not resolved as %s', async (_name, word) => {
    const { id } = await refusal();
    expect((await resolve({ id, ...word })).refusal?.code).toBe('VALIDATION_FAILED');
  });

  test('is resolved by a manager alone, once when ten do so at once', async () => {
    const { id, caller } = await refusal();
    const word = { id, resolution: 'DISMISSED', reason: 'same' };
    expect((await resolve(word, caller)).refusal?.code).toBe('FORBIDDEN');
    expect((await resolve(word, { ...manager, role: 'ACCOUNTANT' })).refusal?.code).toBe('FORBIDDEN');
    const answers = await Promise.all(Array.from({ length: 10 }, () => resolve(word)));
    expect(answers.filter(({ resolved }) => resolved !== null).length).toBeGreaterThan(0);
    const [row] = await owner<{ n: number }[]>`select count(*)::int as n from audit.entries
      where action = 'confirmation.resolve' and entity_id = ${id} and result = 'OK'`;
    expect(row?.n).toBe(1);
  });
});

test('closing is final, a manager’s alone, and audited', async () => {
  const CLOSE = 'mutation ($date: Date!) { closeBusinessDay(date: $date) { date status closedBy } }';
  const MONTH = 'mutation ($month: String!) { closeMonth(month: $month) { month status } }';
  const codeOf = async (text: string, variables: object, caller: Caller = manager) =>
    (await graph.run(caller, text, { ...variables })).errors?.[0]?.extensions?.code;
  expect(await graph.read(manager, CLOSE, { date: '2026-02-01' })).toMatchObject({
    closeBusinessDay: { date: '2026-02-01', status: 'CLOSED', closedBy: expect.stringContaining('user ') },
  });
  expect(await codeOf(CLOSE, { date: '2026-02-01' })).toBeUndefined();
  expect(await codeOf(CLOSE, { date: '2099-01-01' })).toBe('CONFLICT');
  expect(await codeOf(CLOSE, { date: '2026-02-01' }, partner('read:financials'))).toBe('FORBIDDEN');
  expect(await codeOf(MONTH, { month: '2099-01' })).toBe('CONFLICT');
  expect(await codeOf(MONTH, { month: '2026-00' })).toBe('VALIDATION_FAILED');
  await core`select billing.lock_business_day('2026-01-15')`;
  expect(await codeOf(MONTH, { month: '2026-01' })).toBe('CONFLICT');
  await graph.read(manager, CLOSE, { date: '2026-01-15' });
  expect(await graph.read(manager, MONTH, { month: '2026-01' })).toEqual({
    closeMonth: { month: '2026-01', status: 'CLOSED' },
  });
  const audits = await owner<{ line: string }[]>`select concat_ws(' ', action, entity_id, result) as line
    from audit.entries where action in ('business_day.close', 'month.close') and entity_id like '2026%' order by key`;
  expect(audits.map(({ line }) => line)).toEqual([
    'business_day.close 2026-02-01 OK',
    'business_day.close 2026-02-01 REPLAY',
    'month.close 2026-01 REJECTED',
    'business_day.close 2026-01-15 OK',
    'month.close 2026-01 OK',
  ]);
});
