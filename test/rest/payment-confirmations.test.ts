import { DomainError } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { confirmation, payment, receipt } from './support/clinic-data.ts';
import { type RestServer, startRest } from './support/rest-server.ts';

const recorded = receipt();
const own = confirmation();
let confirm: (args: { input: Record<string, unknown>; idempotencyKey: string }) => unknown;
let rest: RestServer;

beforeAll(async () => {
  rest = await startRest({
    confirmPayment: (args: { input: Record<string, unknown>; idempotencyKey: string }) => confirm(args),
    terminalConfirmation: ({ id }: { id: string }) => (id === own.id ? own : null),
    terminalConfirmationByTransaction: ({ terminalTxnId }: { terminalTxnId: string }) =>
      terminalTxnId === 'X1' ? own : null,
  });
});
beforeEach(() => {
  confirm = () => recorded;
  rest.refusals.length = 0;
  rest.operations.length = 0;
});
afterAll(() => rest.close());

const post = (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
  rest.send('/api/v1/payment-confirmations', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'key-1', ...headers },
    body,
  });
const postPayment = (fields: Readonly<Record<string, unknown>> = {}) => post(JSON.stringify(payment(fields)));

test('hands the parsed capture and its key to the registered operation', async () => {
  let given: unknown;
  confirm = (args) => {
    given = args;
    return recorded;
  };
  const sent = payment({ card: { scheme: 'MADA', last4: '4242' }, approval_code: 'رمز-1' });
  expect((await post(JSON.stringify(sent))).status).toBe(201);
  expect(JSON.parse(JSON.stringify(given))).toEqual({
    idempotencyKey: 'key-1',
    input: {
      invoiceId: sent.invoice_id,
      amountMinor: 10_000,
      currency: 'SAR',
      terminalId: 'T1',
      terminalTxnId: 'X1',
      capturedAt: '2026-03-01T08:30:00.000Z',
      card: { scheme: 'MADA', last4: '4242' },
      approvalCode: 'رمز-1',
    },
  });
  expect(rest.operations).toEqual(['ConfirmPaymentV1']);
});

test('repeats status and body of the first answer under the same key, and says that it repeats', async () => {
  const first = await postPayment();
  confirm = () => ({ ...recorded, replayed: true });
  const again = await postPayment();
  expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([201, null]);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
  expect(again.text).toBe(first.text);
});

test('answers 200 when another key had confirmed the transaction', async () => {
  const first = await postPayment();
  confirm = () => ({ ...recorded, replayed: true, recordedEarlier: true });
  const again = await postPayment();
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  expect(again.text).toBe(first.text);
});

test('turns the refusal of the domain into its problem, with its members, and repeats it alike', async () => {
  const refuse = (replayed: boolean) => () => {
    throw new DomainError('AMOUNT_EXCEEDS_BALANCE', {
      members: { balance_minor: 5000, currency: 'SAR', status: 200, type: 'https://evil.example' },
      replayed,
    });
  };
  confirm = refuse(false);
  const first = await postPayment();
  confirm = refuse(true);
  const again = await postPayment();
  expect(first.status).toBe(422);
  expect(first.body).toMatchObject({
    type: '/api/v1/problems/amount-exceeds-balance',
    status: 422,
    balance_minor: 5000,
    currency: 'SAR',
  });
  expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([null, 'true']);
  const { instance: _a, request_id: _b, ...rest1 } = first.body;
  const { instance: _c, request_id: _d, ...rest2 } = again.body;
  expect(rest2).toEqual(rest1);
});

test('passes on when to try again', async () => {
  confirm = () => {
    throw new DomainError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 });
  };
  const busy = await postPayment();
  expect([busy.status, busy.headers.get('retry-after')]).toEqual([409, '1']);
  confirm = () => {
    throw new DomainError('TEMPORARILY_UNAVAILABLE');
  };
  const away = await postPayment();
  expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
});

const without = (field: string): string => JSON.stringify({ ...payment(), [field]: undefined });

test.each([
  ['a float', JSON.stringify(payment({ amount_minor: 10.5 })), 400, 'validation-failed', '/amount_minor'],
  [
    'a float that is whole',
    JSON.stringify(payment()).replace('10000', '10000.0'),
    400,
    'validation-failed',
    '/amount_minor',
  ],
  ['an exponent', JSON.stringify(payment()).replace('10000', '1e4'), 400, 'validation-failed', '/amount_minor'],
  ['a numeric string', JSON.stringify(payment({ amount_minor: '10000' })), 400, 'validation-failed', '/amount_minor'],
  ['zero', JSON.stringify(payment({ amount_minor: 0 })), 400, 'validation-failed', '/amount_minor'],
  ['minus zero', JSON.stringify(payment()).replace('10000', '-0'), 400, 'validation-failed', '/amount_minor'],
  ['a negative amount', JSON.stringify(payment({ amount_minor: -1 })), 400, 'validation-failed', '/amount_minor'],
  ['2^53', JSON.stringify(payment()).replace('10000', '9007199254740992'), 400, 'validation-failed', '/amount_minor'],
  ['null for an amount', JSON.stringify(payment({ amount_minor: null })), 400, 'validation-failed', '/amount_minor'],
  ['no amount', without('amount_minor'), 400, 'validation-failed', '/amount_minor'],
  ['no transaction', without('terminal_txn_id'), 400, 'validation-failed', '/terminal_txn_id'],
  [
    'a local time',
    JSON.stringify(payment({ captured_at: '2026-03-01T08:30:00' })),
    400,
    'validation-failed',
    '/captured_at',
  ],
  ['an unknown field', JSON.stringify(payment({ tip_minor: 5 })), 400, 'unknown-field', '/tip_minor'],
  [
    'an unknown inner field',
    JSON.stringify(payment({ card: { scheme: 'V', last4: '4242', pan: '1' } })),
    400,
    'unknown-field',
    '/card/pan',
  ],
  [
    'a key given twice',
    JSON.stringify(payment()).replace('{', '{"amount_minor":1,'),
    400,
    'malformed-json',
    '/amount_minor',
  ],
  ['a list', '[]', 400, 'validation-failed', ''],
  ['no body', '', 400, 'malformed-json', ''],
  ['broken JSON', '{"invoice_id":', 400, 'malformed-json', '/invoice_id'],
])('refuses %s without running the operation, and has it audited', async (_name, body, status, slug, pointer) => {
  const answer = await post(body);
  expect([answer.status, answer.body.type]).toEqual([status, `/api/v1/problems/${slug}`]);
  expect(answer.body.errors).toMatchObject([{ pointer }]);
  expect(rest.operations).toEqual([]);
  expect(rest.refusals).toMatchObject([{ action: 'payment.confirm', requestId: answer.headers.get('request-id') }]);
});

test.each([
  ['none', undefined, 'idempotency-key-missing'],
  ['an empty one', '', 'idempotency-key-missing'],
  ['one with a space', 'a b', 'validation-failed'],
  ['one of 256 characters', 'k'.repeat(256), 'validation-failed'],
])('refuses %s as idempotency key', async (_name, key, slug) => {
  const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) };
  const body = JSON.stringify(payment());
  const answer = await rest.send('/api/v1/payment-confirmations', { method: 'POST', headers, body });
  expect([answer.status, answer.body.type]).toEqual([400, `/api/v1/problems/${slug}`]);
});

test.each(['text/plain', 'application/json; charset=latin1', 'application/x-www-form-urlencoded', ''])(
  'refuses Content-Type: %s',
  async (type) => {
    const answer = await post(new TextEncoder().encode('{}'), { 'content-type': type });
    expect([answer.status, answer.body.type]).toEqual([415, '/api/v1/problems/unsupported-media-type']);
  },
);

test('refuses a body that is too large, compressed, or not UTF-8', async () => {
  const large = await post(JSON.stringify(payment({ terminal_id: 'x'.repeat(70_000) })));
  expect([large.status, large.body.type]).toEqual([413, '/api/v1/problems/payload-too-large']);
  expect((await post('{}', { 'content-encoding': 'gzip' })).status).toBe(415);
  const latin = Uint8Array.from(Buffer.from(JSON.stringify(payment({ terminal_id: 'é' })), 'latin1'));
  expect((await post(latin)).body.errors).toMatchObject([{ code: 'invalid-utf-8' }]);
});

test('lets a terminal that was offline find what became of its transaction', async () => {
  const found = await rest.send('/api/v1/payment-confirmations?terminal_id=T1&terminal_txn_id=X1');
  expect(found.body).toMatchObject({ data: [{ id: own.id, reason: 'amount-exceeds-balance' }], has_more: false });
  const never = await rest.send('/api/v1/payment-confirmations?terminal_id=T1&terminal_txn_id=X2');
  expect([never.status, never.body]).toEqual([200, { data: [], has_more: false, next_cursor: null }]);
  expect((await rest.send('/api/v1/payment-confirmations?terminal_id=T1')).status).toBe(400);
  expect((await rest.send(`/api/v1/payment-confirmations/${own.id}`)).body.id).toBe(own.id);
  expect((await rest.send(`/api/v1/payment-confirmations/${newId('cnf')}`)).status).toBe(404);
});
