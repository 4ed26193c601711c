import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer, Partner } from '../support/partner.ts';

let clinic: Clinic;
let terminal: Partner;
let payment: Record<string, unknown>;
let invoiceId: string;

beforeAll(async () => {
  clinic = await startClinic();
  terminal = await clinic.partner({ scopes: ['write:payments'] });
});
afterAll(() => clinic?.close());

let transaction = 0;
beforeEach(async () => {
  const [invoice] = await clinic.core<{ id: string }[]>`
    insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select id, 'SAR', 10000, current_date + 30 from appointment.patients limit 1 returning id`;
  invoiceId = invoice?.id ?? '';
  await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${invoiceId}`;
  transaction += 1;
  payment = {
    invoice_id: invoiceId,
    amount_minor: 10_000,
    currency: 'SAR',
    terminal_id: 'desk-1',
    terminal_txn_id: `txn-${transaction}`,
    captured_at: new Date().toISOString(),
    card: { scheme: 'MADA', last4: '4242' },
  };
});

const confirm = (idempotencyKey: string, body: unknown = payment): Promise<Answer> =>
  terminal.rest('POST', '/payment-confirmations', { body, headers: { 'idempotency-key': idempotencyKey } });

/** How often each result stands in the audit log for this terminal's partner since the given entry. */
async function auditedSince(key: bigint | number): Promise<Record<string, number>> {
  const rows = await clinic.owner<{ result: string; count: number }[]>`
    select result, count(*)::int as count from audit.entries
    where integration_id = ${terminal.integrationId} and action = 'payment.confirm' and key > ${key.toString()}
    group by result`;
  return Object.fromEntries(rows.map(({ result, count }) => [result, count]));
}
async function lastAudit(): Promise<number> {
  const [row] = await clinic.owner<{ last: number }[]>`select coalesce(max(key), 0)::int as last from audit.entries`;
  return row?.last ?? 0;
}

test('records one payment when a terminal sends it ten times at the same moment and again later', async () => {
  const before = await lastAudit();
  const answers = await Promise.all(Array.from({ length: 10 }, () => confirm('the-same-key')));
  answers.push(await confirm('the-same-key'));

  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 11 }, () => 201));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(10);
  const paymentId = answers[0]?.body.payment_id;
  const payments = await clinic.owner`select id from billing.payments where invoice_id = ${invoiceId}`;
  expect(payments.map(({ id }) => id)).toEqual([paymentId]);
  const events =
    await clinic.owner`select id from outbox.events where type = 'payment.received' and entity_id = ${paymentId}`;
  expect(events).toHaveLength(1);
  expect(await auditedSince(before)).toEqual({ OK: 1, REPLAY: 10 });
  const [invoice] = await clinic.owner`select status, paid_minor::int from billing.invoices where id = ${invoiceId}`;
  expect(invoice).toMatchObject({ status: 'PAID', paid_minor: 10_000 });
});

test('answers with the original when the same terminal transaction comes under another key', async () => {
  const first = await confirm('key-a');
  const second = await confirm('key-b');
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.text).toBe(first.text);
  expect(second.headers.get('idempotent-replayed')).toBe('true');
});

test('takes ten different terminals racing for one invoice no further than its total', async () => {
  const half = { ...payment, amount_minor: 6_000 };
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, one) =>
      confirm(`race-${transaction}-${one}`, { ...half, terminal_id: `race-${one}` }),
    ),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ body }) => body.type?.endsWith('/amount-exceeds-balance'))).toHaveLength(9);
  const [invoice] = await clinic.owner`select paid_minor::int from billing.invoices where id = ${invoiceId}`;
  expect(invoice).toMatchObject({ paid_minor: 6_000 });
});

test('keeps a refused confirmation for a manager and leaves the ledger alone', async () => {
  const answer = await confirm('too-much', { ...payment, amount_minor: 10_001 });
  expect(answer.status).toBe(422);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(answer.body.type).toMatch(/\/problems\/amount-exceeds-balance$/);
  const kept = await clinic.owner`
    select status, reason from billing.terminal_confirmations where invoice_id = ${invoiceId}`;
  expect(kept).toMatchObject([{ status: 'REJECTED', reason: 'AMOUNT_EXCEEDS_BALANCE' }]);
  expect(await clinic.owner`select 1 from billing.payments where invoice_id = ${invoiceId}`).toHaveLength(0);
  await clinic.audited({ action: 'payment.confirm', result: 'REJECTED', integrationId: terminal.integrationId });
});

test('refuses a key that was used for something else', async () => {
  await confirm('one-key');
  const answer = await confirm('one-key', { ...payment, amount_minor: 1 });
  expect(answer.status).toBe(422);
  expect(answer.body.type).toMatch(/\/problems\/idempotency-key-reused$/);
});

test('tells a webhook consumer once', async () => {
  const consumer = await clinic.partner({ scopes: ['webhook:receive', 'read:invoices'] });
  await clinic.huda.run(
    `mutation ($input: CreateWebhookEndpointInput!, $key: String!) {
      createWebhookEndpoint(input: $input, idempotencyKey: $key) { endpoint { id } }
    }`,
    {
      key: `endpoint-${transaction}`,
      input: {
        integrationId: consumer.integrationId,
        name: 'tests',
        url: clinic.receiver.url,
        eventTypes: ['payment.received'],
      },
    },
  );
  await eventually(() => clinic.receiver.challenges.length > 0);
  await eventually(async () => {
    const rows = await clinic.owner`select 1 from integration.webhook_endpoints where status = 'ACTIVE'`;
    return rows.length > 0;
  });
  const answers = await Promise.all(Array.from({ length: 5 }, () => confirm('told-once')));
  const paymentId = answers[0]?.body.payment_id;
  const told = () => clinic.receiver.events.filter(({ payload }) => payload.entity_id === paymentId);
  await eventually(() => told().length > 0);
  // The amount is for those who may see amounts.
  expect(JSON.stringify(told()[0]?.payload)).not.toContain('amount');
  await eventually(async () => {
    const rows = await clinic.owner`
      select 1 from integration.deliveries where state = 'DELIVERED'
      and event_id in (select id from outbox.events where entity_id = ${paymentId})`;
    return rows.length === 1;
  });
  expect(told()).toHaveLength(1);
});

test('names the place of a card number as v1 names it, and audits who came without a token', async () => {
  const answer = await confirm('card-number', { ...payment, terminal_txn_id: '4111111111111111' });
  expect(answer.status).toBe(422);
  expect(answer.body.errors).toMatchObject([{ pointer: '/terminal_txn_id' }]);
  expect(answer.text).not.toContain('4111');

  const nobody = await clinic.fetch('/api/v1/payment-confirmations', { method: 'POST' });
  expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  const row = await eventually(async () => {
    const rows = await clinic.owner`
      select result from audit.entries where action = 'request.refuse' and error_message like '%no bearer token%'`;
    return rows[0];
  });
  expect(row.result).toBe('DENIED');
});
