import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/partner.ts';
import { capture, DAY_MS, type Desk, KEPT, openDesk, RECORDED, slugOf } from './payments/desk.ts';

/**
 * The decision table of payment confirmations, rows 6 to 22, through HTTP against the running system. After each row the ledger,
 * the events, the review queue, the alerts and the audit log are exactly what the row says.
 */
let desk: Desk;

beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk?.clinic.close());

describe('rows 6, 7 and 8: a key that is known', () => {
  test('6: with the same content it answers what it answered, whether that was a payment or a refusal', async () => {
    const paid = capture(await desk.invoice());
    const refused = capture(await desk.invoice(), { amount_minor: 10_001 });
    for (const [body, status] of [[paid, 201] as const, [refused, 422] as const]) {
      const key = randomUUID();
      const first = await desk.confirm(body, { key });
      await desk.begin();
      const again = await desk.confirm(Object.fromEntries(Object.entries(body).toReversed()), { key });
      expect([first.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([status, status, 'true']);
      expect(withoutRequest(again)).toEqual(withoutRequest(first));
      await desk.expectEffects({ replay: 1 });
    }
  });

  test('7: while it runs the second waits, and is then answered as row 6', async () => {
    const key = randomUUID();
    const body = capture(await desk.invoice());
    await desk.begin();
    const [first, second] = await desk.holding(
      (tx) => tx`select id from billing.lock_invoice(${String(body.invoice_id)})`,
      async () => {
        const both = [desk.confirm(body, { key }), desk.confirm(body, { key })] as const;
        await desk.waitingForLocks(2);
        return both;
      },
    );
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(1);
    expect(answers[0]?.text).toBe(answers[1]?.text);
    await desk.expectEffects({ ...RECORDED, replay: 1 });
  });

  test('7: still running after two seconds it is refused, without a trace', async () => {
    const key = randomUUID();
    const body = capture(await desk.invoice());
    await desk.begin();
    const answer = await desk.holding(
      (tx) =>
        tx`select verdict from idempotency.begin(${desk.terminal.integrationId}, ${key}, 'confirmPayment', ${'a'.repeat(64)}, 'req_x')`,
      async () => [await desk.confirm(body, { key })] as const,
      'roll back',
    );
    expect([answer[0].status, slugOf(answer[0])]).toEqual([409, 'idempotency-in-progress']);
    expect(answer[0].headers.get('retry-after')).toBe('1');
    await desk.expectEffects({});
    expect((await desk.confirm(body, { key })).status).toBe(201);
  });

  test('8: with other content it is refused', async () => {
    const key = randomUUID();
    const invoiceId = await desk.invoice();
    await desk.confirm(capture(invoiceId, { amount_minor: 100 }), { key });
    await desk.begin();
    const answer = await desk.confirm(capture(invoiceId, { amount_minor: 200 }), { key });
    expect([answer.status, slugOf(answer)]).toEqual([422, 'idempotency-key-reused']);
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    await desk.expectEffects({ rejected: 1 });
  });
});

describe('rows 9 and 10: a terminal transaction that is known', () => {
  test('9: under another key it answers the original, also when the first key is older than its 30 days', async () => {
    const key = randomUUID();
    const body = capture(await desk.invoice());
    const first = await desk.confirm(body, { key });
    await desk.clinic.owner.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update idempotency.requests set created_at = now() - interval '31 days' where idempotency_key = ${key}`;
    });
    await desk.begin();
    for (const one of [key, randomUUID()]) {
      const again = await desk.confirm(body, { key: one });
      expect([again.status, again.headers.get('idempotent-replayed'), again.text]).toEqual([200, 'true', first.text]);
    }
    await desk.expectEffects({ replay: 2 });
  });

  test('9: one that was refused is judged again until a manager has resolved it', async () => {
    const invoiceId = await desk.invoice('DRAFT');
    const body = capture(invoiceId);
    expect(slugOf(await desk.confirm(body))).toBe('invoice-not-payable');
    await desk.clinic
      .core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${invoiceId}`;
    await desk.begin();
    expect((await desk.confirm(body)).status).toBe(201);
    await desk.expectEffects(RECORDED);
  });

  test('10: with other content it is a conflict, for a manager to look at', async () => {
    const body = capture(await desk.invoice());
    await desk.confirm(body);
    await desk.begin();
    const answer = await desk.confirm({ ...body, amount_minor: 9_999 });
    expect([answer.status, slugOf(answer)]).toEqual([409, 'transaction-conflict']);
    await desk.expectEffects({ ...KEPT });
    await alerted();
  });
});

/** Once an hour and integration, however many captures wait for a review. */
async function alerted(): Promise<void> {
  const alerts = await desk.clinic.owner`select detail from integration.alerts
    where kind = 'terminal_confirmation.refused' and entity_id = ${desk.terminal.integrationId}`;
  expect(alerts).toHaveLength(1);
}

describe('rows 11 to 17: what cannot be booked', () => {
  const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
  test.each([
    ['11: an invoice nobody knows', null, { invoice_id: 'inv_00000000000000000000000000' }, 404, 'not-found', KEPT],
    ['12: a draft', 'DRAFT', {}, 409, 'invoice-not-payable', KEPT],
    ['12: a void invoice', 'VOID', {}, 409, 'invoice-not-payable', KEPT],
    ['13: a paid invoice', 'PAID', {}, 409, 'invoice-already-paid', KEPT],
    ['14: another currency', 'ISSUED', { currency: 'USD' }, 422, 'currency-mismatch', KEPT],
    ['15: more than is owed', 'ISSUED', { amount_minor: 10_001 }, 422, 'amount-exceeds-balance', KEPT],
    ['16: a capture in the future', 'ISSUED', { captured_at: daysAgo(-1) }, 422, 'captured-in-future', { rejected: 1 }],
    ['17: a capture of eight days ago', 'ISSUED', { captured_at: daysAgo(8) }, 422, 'confirmation-too-old', KEPT],
  ] as const)('%s', async (name, state, said, status, slug, effects) => {
    const invoiceId = state === null ? '' : await desk.invoice(state);
    await desk.begin();
    const body = capture(invoiceId, said);
    const answer = await desk.confirm(body);
    expect([answer.status, slugOf(answer)]).toEqual([status, slug]);
    if (slug === 'amount-exceeds-balance')
      expect(answer.body).toMatchObject({ balance_minor: 10_000, currency: 'SAR' });
    await desk.expectEffects(effects);
    if (/^1[235]/.test(name)) await alerted();
    if (effects !== KEPT) return;
    const found = await desk.terminal.rest(
      'GET',
      `/payment-confirmations?terminal_id=DESK-1&terminal_txn_id=${String(body.terminal_txn_id)}`,
    );
    expect(found.body.data).toMatchObject([{ status: 'REJECTED', reason: slug, payment_id: null }]);
    // Asking for it again, under another key, keeps it once.
    await desk.begin();
    expect((await desk.confirm(body)).status).toBe(status);
    await desk.expectEffects({ rejected: 1 });
  });
});

describe('rows 18 to 20: what is booked', () => {
  test('18: a capture of a day that is closed by now goes to the next open one', async () => {
    const [closed] = await desk.clinic.owner<{ day: string }[]>`
      select base.local_date(now() - interval '1 day')::text as day`;
    await desk.clinic.core`select billing.close_business_day(${closed?.day ?? ''}::date, 'Huda')`;
    await desk.begin();
    const answer = await desk.confirm(
      capture(await desk.invoice(), { captured_at: new Date(Date.now() - DAY_MS).toISOString() }),
    );
    expect([answer.status, answer.body.late_posted]).toEqual([201, true]);
    expect(answer.body.business_date > String(closed?.day)).toBe(true);
    await desk.expectEffects(RECORDED);
  });

  test.each([
    ['19: less than is owed', 4_000, 'PARTIALLY_PAID', 6_000],
    ['20: all that is owed', 10_000, 'PAID', 0],
  ])('%s', async (_name, amount, status, balance) => {
    const invoiceId = await desk.invoice();
    await desk.begin();
    const answer = await desk.confirm(capture(invoiceId, { amount_minor: amount }));
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ invoice_status: status, balance_minor: balance, late_posted: false });
    await desk.expectEffects(RECORDED);
    const [row] = await desk.clinic.owner`select status, paid_minor::int from billing.invoices where id = ${invoiceId}`;
    expect(row).toMatchObject({ status, paid_minor: amount });
  });
});

test('row 22: while the database does not get to it the answer is 503, nothing is stored, and the same key is good', async () => {
  const key = randomUUID();
  const body = capture(await desk.invoice());
  await desk.begin();
  const [answer] = await desk.holding(
    (tx) => tx`select id from billing.lock_invoice(${String(body.invoice_id)})`,
    async () => [await desk.confirm(body, { key })] as const,
    'roll back',
  );
  expect([answer.status, slugOf(answer)]).toEqual([503, 'temporarily-unavailable']);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  await desk.expectEffects({});
  const again = await desk.confirm(body, { key });
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, null]);
});

/** A refusal is told anew with each request's id. */
function withoutRequest({ body }: Answer): Record<string, unknown> {
  const { instance: _instance, request_id: _id, ...rest } = body;
  return rest;
}
