import { subgraph } from '@bridgework/billing';
import { refusalOf } from '@bridgework/kernel/database-errors';
import { newId } from '@bridgework/kernel/ids';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confirmPayment } from '../../subgraphs/billing/src/payments/confirm-payment.ts';
import { parseConfirmation } from '../../subgraphs/billing/src/payments/parse-confirmation.ts';
import { type ClinicRows, draftInvoice, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { manager, openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const CONFIRM = `mutation ($input: ConfirmPaymentInput!, $idempotencyKey: String!) {
  confirmPayment(input: $input, idempotencyKey: $idempotencyKey) {
    confirmationId paymentId invoiceId status amountMinor currency balance { amountMinor currency } businessDate
    latePosted invoiceStatus replayed recordedEarlier } }`;

interface Receipt {
  readonly confirmationId: string;
  readonly paymentId: string;
  readonly replayed: boolean;
  readonly [field: string]: unknown;
}

const DAY_MS = 24 * 60 * 60_000;

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let billing: SubgraphUnderTest;
let clinic: ClinicRows;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app');
  clinic = await writeClinicRows(core);
  billing = openSubgraph(subgraph, database);
});
afterAll(async () => {
  await billing.close();
  await database.drop();
});

const terminal = () => partner('write:payments');

/** What a terminal would say of a capture a minute ago. */
const captureOf = (invoiceId: string, said: object = {}) => ({
  invoiceId,
  amountMinor: 10_000,
  currency: 'SAR',
  terminalId: 'TERM-1',
  terminalTxnId: newId('req'),
  capturedAt: new Date(Date.now() - 60_000).toISOString(),
  ...said,
});
type Capture = ReturnType<typeof captureOf>;

/** The receipt, or the refusal's extensions. */
async function confirm(caller: ReturnType<typeof terminal>, input: object, idempotencyKey: string = newId('req')) {
  const { data, errors } = await billing.run(caller, CONFIRM, { input, idempotencyKey });
  return {
    receipt: errors === undefined ? ((data as { confirmPayment: Receipt }).confirmPayment ?? null) : null,
    refusal: errors?.[0]?.extensions ?? null,
  };
}

const auditOf = async (caller: ReturnType<typeof terminal>) =>
  (
    await owner<{ result: string; error_message: string | null }[]>`
      select result, error_message from audit.entries where integration_id = ${caller.integrationId} order by key`
  ).map(({ result, error_message: why }) => (why === null ? result : `${result} ${why}`));

async function ledgerOf(invoiceId: string) {
  const [row] = await owner<{ status: string; paid: number; payments: number; events: number }[]>`
    select status, paid_minor::int as paid,
      (select count(*)::int from billing.payments where invoice_id = ${invoiceId}) as payments,
      (select count(*)::int from outbox.events
        where type = 'payment.received' and data ->> 'invoice_id' = ${invoiceId}) as events
    from billing.invoices where id = ${invoiceId}`;
  return row;
}

const keptOf = (caller: ReturnType<typeof terminal>) => owner<{ status: string; reason: string | null }[]>`
  select status, reason from billing.terminal_confirmations where integration_id = ${caller.integrationId} order by key`;

describe('a confirmation', () => {
  test('of all that is owed pays the invoice (row 20)', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const { receipt } = await confirm(caller, captureOf(invoiceId, { card: { scheme: 'مدى', last4: '4242' } }));
    expect(receipt).toMatchObject({
      confirmationId: expect.stringMatching(/^cnf_/),
      paymentId: expect.stringMatching(/^pay_/),
      invoiceId,
      status: 'RECORDED',
      amountMinor: 10_000,
      currency: 'SAR',
      balance: { amountMinor: 0, currency: 'SAR' },
      businessDate: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      latePosted: false,
      invoiceStatus: 'PAID',
      replayed: false,
      recordedEarlier: false,
    });
    expect(await ledgerOf(invoiceId)).toEqual({ status: 'PAID', paid: 10_000, payments: 1, events: 1 });
    expect(await auditOf(caller)).toEqual(['OK']);
  });

  test('of less than is owed pays a part (row 19), and a second one the rest', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const part = await confirm(caller, captureOf(invoiceId, { amountMinor: 4_000 }));
    expect(part.receipt).toMatchObject({ balance: { amountMinor: 6_000 }, invoiceStatus: 'PARTIALLY_PAID' });
    const rest = await confirm(caller, captureOf(invoiceId, { amountMinor: 6_000 }));
    expect(rest.receipt).toMatchObject({ balance: { amountMinor: 0 }, invoiceStatus: 'PAID' });
    expect(await ledgerOf(invoiceId)).toEqual({ status: 'PAID', paid: 10_000, payments: 2, events: 2 });
  });

  test('of a day that is closed by now is booked on the next open one (row 18)', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const capturedAt = new Date(Date.now() - 3 * DAY_MS).toISOString();
    const [day] = await owner<{ closed: string; next: string }[]>`
      select base.local_date(${capturedAt})::text as closed, (base.local_date(${capturedAt}) + 1)::text as next`;
    await owner`select billing.close_business_day(${day?.closed ?? ''}::date, 'user test')`;
    const { receipt } = await confirm(caller, captureOf(invoiceId, { capturedAt }));
    expect(receipt).toMatchObject({ businessDate: day?.next, latePosted: true, invoiceStatus: 'PAID' });
  });
});

describe('ten confirmations at the same moment', () => {
  const storm = (one: (turn: number) => ReturnType<typeof confirm>) =>
    Promise.all(Array.from({ length: 10 }, (_, turn) => one(turn)));

  test('under one key are one payment, one event, one OK and nine REPLAY', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const capture = captureOf(invoiceId);
    const key = newId('req');
    const answers = await storm(() => confirm(caller, capture, key));
    expect(answers.map(({ refusal }) => refusal)).toEqual(Array(10).fill(null));
    expect(new Set(answers.map(({ receipt }) => receipt?.paymentId)).size).toBe(1);
    expect(answers.filter(({ receipt }) => receipt?.replayed === false)).toHaveLength(1);
    expect(new Set(answers.map(({ receipt }) => JSON.stringify({ ...receipt, replayed: null }))).size).toBe(1);
    expect(await ledgerOf(invoiceId)).toEqual({ status: 'PAID', paid: 10_000, payments: 1, events: 1 });
    expect((await auditOf(caller)).sort()).toEqual(['OK', ...Array(9).fill('REPLAY')]);
  });

  test('under ten keys are one payment too: the terminal transaction protects by itself', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const capture = captureOf(invoiceId);
    const answers = await storm(() => confirm(caller, capture));
    expect(answers.map(({ refusal }) => refusal)).toEqual(Array(10).fill(null));
    expect(new Set(answers.map(({ receipt }) => receipt?.paymentId)).size).toBe(1);
    expect(answers.filter(({ receipt }) => receipt?.recordedEarlier)).toHaveLength(9);
    expect(await ledgerOf(invoiceId)).toEqual({ status: 'PAID', paid: 10_000, payments: 1, events: 1 });
    expect((await auditOf(caller)).sort()).toEqual(['OK', ...Array(9).fill('REPLAY')]);
  });

  test('of different captures never pay more than is owed', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const answers = await storm((turn) =>
      confirm(caller, captureOf(invoiceId, { amountMinor: 3_000, terminalTxnId: `txn-${turn}` })),
    );
    expect(answers.filter(({ receipt }) => receipt !== null)).toHaveLength(3);
    const refusals = answers.flatMap(({ refusal }) => (refusal === null ? [] : [refusal.code]));
    expect(refusals).toEqual(Array(7).fill('AMOUNT_EXCEEDS_BALANCE'));
    expect(await ledgerOf(invoiceId)).toEqual({ status: 'PARTIALLY_PAID', paid: 9_000, payments: 3, events: 3 });
  });
});

describe('a repeated confirmation', () => {
  test('under its key repeats its answer, receipt or refusal (row 6)', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const [paid, tooMuch] = [
      captureOf(invoiceId, { amountMinor: 2_000 }),
      captureOf(invoiceId, { amountMinor: 90_000 }),
    ];
    const first = await confirm(caller, paid, 'key-1');
    const refused = await confirm(caller, tooMuch, 'key-2');
    await confirm(caller, captureOf(invoiceId, { amountMinor: 1_000 }));
    expect(await confirm(caller, paid, 'key-1')).toEqual({
      receipt: { ...first.receipt, replayed: true },
      refusal: null,
    });
    expect(await confirm(caller, tooMuch, 'key-2')).toEqual({
      receipt: null,
      refusal: { ...refused.refusal, replayed: true },
    });
    expect(refused.refusal).toEqual({
      code: 'AMOUNT_EXCEEDS_BALANCE',
      members: { balance_minor: 8_000, currency: 'SAR' },
    });
  });

  test('under another key gives the original, as it read then (row 9)', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const capture = captureOf(invoiceId, { amountMinor: 4_000 });
    const { receipt } = await confirm(caller, capture);
    await confirm(caller, captureOf(invoiceId, { amountMinor: 6_000 }));
    const again = await confirm(caller, capture, 'another');
    expect(again.receipt).toEqual({ ...receipt, replayed: true, recordedEarlier: true });
    expect((await confirm(caller, capture, 'another')).receipt).toEqual(again.receipt);
    expect(await auditOf(caller)).toEqual(['OK', 'OK', 'REPLAY', 'REPLAY']);
  });

  test('with the members of its body in another order is the same', async () => {
    const caller = terminal();
    const capture = captureOf(await issueInvoice(core, clinic));
    await confirm(caller, capture, 'key');
    const turned = Object.fromEntries(Object.entries(capture).reverse()) as Capture;
    expect((await confirm(caller, turned, 'key')).receipt?.replayed).toBe(true);
  });

  test('under its key with other content is refused and changes nothing (row 8)', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const capture = captureOf(invoiceId, { amountMinor: 1_000 });
    await confirm(caller, capture, 'key');
    const { refusal } = await confirm(caller, { ...capture, amountMinor: 2_000 }, 'key');
    expect(refusal?.code).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await ledgerOf(invoiceId)).toMatchObject({ paid: 1_000, payments: 1 });
    expect(await auditOf(caller)).toEqual(['OK', 'REJECTED IDEMPOTENCY_KEY_REUSED']);
  });

  test('of the same terminal transaction with other content is kept for a manager, once (row 10)', async () => {
    const caller = terminal();
    const invoiceId = await issueInvoice(core, clinic);
    const capture = captureOf(invoiceId, { amountMinor: 1_000 });
    await confirm(caller, capture);
    const other = { ...capture, amountMinor: 2_000 };
    expect((await confirm(caller, other)).refusal?.code).toBe('TRANSACTION_CONFLICT');
    expect((await confirm(caller, other)).refusal?.code).toBe('TRANSACTION_CONFLICT');
    expect(await keptOf(caller)).toEqual([
      { status: 'RECORDED', reason: null },
      { status: 'DUPLICATE', reason: 'TRANSACTION_CONFLICT' },
    ]);
    await owner`select billing.resolve_confirmation(id, 'DISMISSED', null, 'typed wrongly', 'user huda')
      from billing.terminal_confirmations where integration_id = ${caller.integrationId} and status = 'DUPLICATE'`;
    expect((await confirm(caller, other)).refusal?.code).toBe('TRANSACTION_CONFLICT');
    expect(await keptOf(caller)).toHaveLength(2);
    expect((await confirm(caller, capture)).receipt?.recordedEarlier).toBe(true);
    expect(await ledgerOf(invoiceId)).toMatchObject({ paid: 1_000, payments: 1 });
  });

  test('of another integration is its own: keys and transactions do not meet', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    const capture = captureOf(invoiceId, { amountMinor: 1_000 });
    const one = await confirm(terminal(), capture, 'key');
    const other = await confirm(terminal(), capture, 'key');
    expect(other.receipt?.replayed).toBe(false);
    expect(other.receipt?.paymentId).not.toBe(one.receipt?.paymentId);
  });
});

describe('a refused confirmation', () => {
  const invoiceThatIs = async (status: 'DRAFT' | 'VOID' | 'PAID') => {
    if (status === 'DRAFT') return draftInvoice(core, clinic);
    const id = await issueInvoice(core, clinic);
    if (status === 'VOID') await core`update billing.invoices set status = 'VOID' where id = ${id}`;
    else await confirm(terminal(), captureOf(id));
    return id;
  };
  const now = Date.now();

  test.each([
    ['an unknown invoice (row 11)', () => newId('inv'), {}, 'NOT_FOUND'],
    ['a draft (row 12)', () => invoiceThatIs('DRAFT'), {}, 'INVOICE_NOT_PAYABLE'],
    ['a void invoice (row 12)', () => invoiceThatIs('VOID'), {}, 'INVOICE_NOT_PAYABLE'],
    ['a paid invoice (row 13)', () => invoiceThatIs('PAID'), {}, 'INVOICE_ALREADY_PAID'],
    ['another currency (row 14)', () => issueInvoice(core, clinic), { currency: 'USD' }, 'CURRENCY_MISMATCH'],
    ['an unknown currency (row 14)', () => issueInvoice(core, clinic), { currency: 'XXX' }, 'CURRENCY_MISMATCH'],
    ['too much (row 15)', () => issueInvoice(core, clinic), { amountMinor: 10_001 }, 'AMOUNT_EXCEEDS_BALANCE'],
    [
      'a capture of long ago (row 17)',
      () => issueInvoice(core, clinic),
      { capturedAt: new Date(now - 8 * DAY_MS).toISOString() },
      'CONFIRMATION_TOO_OLD',
    ],
  ])('of %s is kept for a manager and leaves the ledger alone', async (_, invoice, said, code) => {
    const caller = terminal();
    const invoiceId = await invoice();
    const before = await ledgerOf(invoiceId);
    const { refusal } = await confirm(caller, captureOf(invoiceId, said));
    expect(refusal?.code).toBe(code);
    expect(await keptOf(caller)).toEqual([{ status: 'REJECTED', reason: code }]);
    expect(await auditOf(caller)).toEqual([`REJECTED ${code}`]);
    expect(await ledgerOf(invoiceId)).toEqual(before);
  });

  test('captured in the future is not kept, and can be said again with the right time (row 16)', async () => {
    const caller = terminal();
    const capture = captureOf(await issueInvoice(core, clinic), {
      capturedAt: new Date(Date.now() + 10 * 60_000).toISOString(),
    });
    expect((await confirm(caller, capture)).refusal?.code).toBe('CAPTURED_IN_FUTURE');
    expect(await keptOf(caller)).toEqual([]);
    expect(await auditOf(caller)).toEqual(['REJECTED CAPTURED_IN_FUTURE']);
    const right = { ...capture, capturedAt: new Date(Date.now() - 1_000).toISOString() };
    expect((await confirm(caller, right)).receipt?.replayed).toBe(false);
  });

  test('is judged again under a new key, and is a payment once nothing stands against it', async () => {
    const caller = terminal();
    const invoiceId = await draftInvoice(core, clinic);
    const capture = captureOf(invoiceId);
    expect((await confirm(caller, capture)).refusal?.code).toBe('INVOICE_NOT_PAYABLE');
    expect((await confirm(caller, capture)).refusal?.code).toBe('INVOICE_NOT_PAYABLE');
    await core`update billing.invoices set status = 'ISSUED' where id = ${invoiceId}`;
    expect((await confirm(caller, capture)).receipt).toMatchObject({ replayed: false, recordedEarlier: false });
    expect(await keptOf(caller)).toEqual([
      { status: 'REJECTED', reason: 'INVOICE_NOT_PAYABLE' },
      { status: 'RECORDED', reason: null },
    ]);
  });

  test('stands once a manager has resolved it', async () => {
    const caller = terminal();
    const invoiceId = await draftInvoice(core, clinic);
    const capture = captureOf(invoiceId);
    await confirm(caller, capture);
    await owner`select billing.resolve_confirmation(id, 'DISMISSED', null, 'refunded at the terminal', 'user huda')
      from billing.terminal_confirmations where integration_id = ${caller.integrationId}`;
    await core`update billing.invoices set status = 'ISSUED' where id = ${invoiceId}`;
    const { refusal } = await confirm(caller, capture);
    expect(refusal).toEqual({ code: 'INVOICE_NOT_PAYABLE', replayed: true });
    expect(await ledgerOf(invoiceId)).toMatchObject({ payments: 0 });
  });
});

describe('what does not fit', () => {
  test.each([
    ['terminalTxnId', { terminalTxnId: '4111111111111111' }, '/terminalTxnId'],
    ['approvalCode', { approvalCode: '5555 5555 5555 4444' }, '/approvalCode'],
    ['card.scheme', { card: { scheme: 'VISA 4111111111111111', last4: '1111' } }, '/card/scheme'],
  ])('a card number in %s is refused and stored nowhere (row 5)', async (_, said, pointer) => {
    const caller = terminal();
    const { refusal } = await confirm(caller, captureOf(await issueInvoice(core, clinic), said));
    expect(refusal).toMatchObject({ code: 'SENSITIVE_DATA', errors: [{ pointer }] });
    expect(JSON.stringify(refusal)).not.toMatch(/4111|5555/);
    expect(await auditOf(caller)).toEqual(['REJECTED SENSITIVE_DATA']);
    expect(await keptOf(caller)).toEqual([]);
  });

  test('a card number as the idempotency key is refused', async () => {
    const caller = terminal();
    const { refusal } = await confirm(caller, captureOf(await issueInvoice(core, clinic)), '4111111111111111');
    expect(refusal?.code).toBe('SENSITIVE_DATA');
  });

  test.each([
    ['no amount', { amountMinor: 0 }, '/amountMinor'],
    ['a negative amount', { amountMinor: -1 }, '/amountMinor'],
    ['a currency in lower case', { currency: 'sar' }, '/currency'],
    ['no terminal', { terminalId: '' }, '/terminalId'],
    ['a NUL in a text', { terminalTxnId: 'a\u0000' }, '/terminalTxnId'],
    ['half a character', { terminalTxnId: 'a\ud800' }, '/terminalTxnId'],
    ['five last digits', { card: { scheme: 'VISA', last4: '12345' } }, '/card/last4'],
  ])('%s is refused with its place (row 4)', async (_, said, pointer) => {
    const caller = terminal();
    const { refusal } = await confirm(caller, captureOf(await issueInvoice(core, clinic), said));
    expect(refusal).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ pointer }] });
    expect(await auditOf(caller)).toEqual(['REJECTED VALIDATION_FAILED']);
  });

  test.each([
    ['', 'IDEMPOTENCY_KEY_MISSING'],
    ['x'.repeat(256), 'VALIDATION_FAILED'],
    ['مفتاح', 'VALIDATION_FAILED'],
    ['a b', 'VALIDATION_FAILED'],
  ])('the idempotency key %j is refused', async (key, code) => {
    const { refusal } = await confirm(terminal(), captureOf(await issueInvoice(core, clinic)), key);
    expect(refusal?.code).toBe(code);
  });

  test('a caller without write:payments, a manager included, confirms nothing', async () => {
    const input = captureOf(await issueInvoice(core, clinic));
    for (const caller of [partner('read:invoices', 'read:financials'), manager]) {
      const { errors } = await billing.run(caller, CONFIRM, { input, idempotencyKey: 'key' });
      expect(errors?.[0]?.extensions?.code).toBe('INSUFFICIENT_SCOPE');
    }
    expect(await ledgerOf(input.invoiceId)).toMatchObject({ payments: 0 });
  });
});

test('an invoice that somebody holds answers "try again", stores nothing, and the same key works afterwards (row 22)', async () => {
  const caller = terminal();
  const invoiceId = await issueInvoice(core, clinic);
  const capture = captureOf(invoiceId);
  await owner.begin(async (holder) => {
    await holder`select 1 from billing.invoices where id = ${invoiceId} for update`;
    const { refusal } = await confirm(caller, capture, 'key');
    expect(refusal).toEqual({ code: 'TEMPORARILY_UNAVAILABLE', retryAfterSeconds: 1 });
  });
  expect(await auditOf(caller)).toEqual([]);
  expect((await confirm(caller, capture, 'key')).receipt?.replayed).toBe(false);
});

test('a key whose first request is still running answers "in progress" and leaves no trace (row 7)', async () => {
  const caller = terminal();
  const capture = captureOf(await issueInvoice(core, clinic));
  await owner.begin(async (holder) => {
    await holder`select pg_advisory_xact_lock(idempotency.key_lock(${caller.integrationId}, 'key'))`;
    const { refusal } = await confirm(caller, capture, 'key');
    expect(refusal).toEqual({ code: 'IDEMPOTENCY_IN_PROGRESS', retryAfterSeconds: 1 });
  });
  expect(await auditOf(caller)).toEqual([]);
});

test('a database that is away is a passing failure', async () => {
  const away = openSubgraph(subgraph, database);
  await away.close();
  const capture = parseConfirmation({ ...captureOf(newId('inv')), capturedAt: new Date() });
  const failure = await confirmPayment(away.contextOf(terminal()), capture, 'key').catch((error: unknown) => error);
  expect(refusalOf(failure)?.code).toBe('TEMPORARILY_UNAVAILABLE');
});
