import { randomUUID } from 'node:crypto';
import { generateIntegrationToken } from '@bridgework/kernel/integration-token';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Clinic, type Partner, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import { countEffects, type Effects, NOTHING } from './payments/effects.ts';

/**
 * The decision table of payment confirmations, row by row, through HTTP against the running system. After each row the
 * ledger, the events, the review queue, the alerts and the audit log are exactly what the row says.
 */
const DAY_MS = 86_400_000;
let clinic: Clinic;
let terminal: Partner;
let reader: Partner;
let close: (() => Promise<void>)[] = [];

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  [terminal, reader] = await Promise.all([
    clinic.partner({ scopes: ['write:payments'] }),
    clinic.partner({ scopes: ['read:appointments'] }),
  ]);
});
afterAll(async () => {
  for (const one of close) await one();
  await clinic?.close();
});

/** An invoice of 100.00 SAR in this state. */
async function invoice(state: 'ISSUED' | 'DRAFT' | 'VOID' | 'PAID' = 'ISSUED'): Promise<string> {
  const [row] = await clinic.core<{ id: string }[]>`
    insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select id, 'SAR', 10000, current_date + 30 from appointment.patients limit 1 returning id`;
  const id = row?.id ?? '';
  if (state === 'DRAFT') return id;
  await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${id}`;
  if (state === 'VOID') await clinic.core`update billing.invoices set status = 'VOID' where id = ${id}`;
  if (state === 'PAID') {
    await clinic.core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
      values (${id}, 'SAR', 10000, 'CASH', now())`;
  }
  return id;
}

type Payment = Readonly<Record<string, unknown>>;
const capture = (invoiceId: string, said: Payment = {}): Payment => ({
  invoice_id: invoiceId,
  amount_minor: 10_000,
  currency: 'SAR',
  terminal_id: 'DESK-1',
  terminal_txn_id: randomUUID(),
  captured_at: new Date(Date.now() - 60_000).toISOString(),
  ...said,
});

interface Sent {
  readonly key?: string | null;
  readonly as?: Partner;
  readonly headers?: Record<string, string>;
}

function confirm(body: unknown, { key = randomUUID(), as = terminal, headers = {} }: Sent = {}): Promise<Answer> {
  return as.rest('POST', '/payment-confirmations', {
    body,
    headers: { ...(key === null ? {} : { 'idempotency-key': key }), ...headers },
  });
}

const slugOf = ({ body }: Answer): string | undefined => body?.type?.replace(/^.*\/problems\//, '');

/** What stood in the books before; a row says what it adds. */
let before: Effects;
const begin = async (): Promise<void> => {
  before = await countEffects(clinic.owner);
};

/** Waits until a refusal that came later has been audited, so that nothing of this row is still on its way. */
async function settled(): Promise<void> {
  const marker = await reader.rest('GET', '/inventory/low-stock');
  await clinic.audited({
    action: 'document.execute',
    result: 'DENIED',
    requestId: marker.headers.get('request-id') ?? '',
  });
}

async function expectEffects(added: Partial<Effects>): Promise<void> {
  await settled();
  const now = await countEffects(clinic.owner);
  const difference = Object.fromEntries(
    Object.entries(now).map(([name, count]) => [name, count - before[name as keyof Effects]]),
  );
  expect(difference).toEqual({ ...NOTHING, ...added });
}

/** How many refusals of a token, `dci_test_<public id>_…`, the audit log tells of by now. */
async function refusalsOf(token: string): Promise<number> {
  const [, , publicId = ''] = token.split('_');
  const [row] = await clinic.owner<[{ count: number }]>`
    select coalesce(sum(occurrences), 0)::integer as count from audit.entries
    where action = 'request.refuse' and result = 'DENIED' and entity_id = ${publicId}`;
  return row.count;
}

const KEPT = { rejected: 1, kept: 1 } as const;
const RECORDED = { payments: 1, events: 1, confirmed: 1, ok: 1 } as const;

describe('row 1: no, invalid, expired, revoked token, or one of the other environment', () => {
  test.each([
    ['no token', undefined, 'missing-token'],
    ['no token of ours', 'Bearer nonsense', 'invalid-token'],
    ['an unknown token', `Bearer dci_test_${'0'.repeat(10)}_${'0'.repeat(40)}`, 'invalid-token'],
    ['a production token', undefined, 'wrong-environment'],
    ['an expired token', undefined, 'invalid-token'],
    ['a revoked token', undefined, 'invalid-token'],
  ])('%s', async (name, given, slug) => {
    const token = given ?? (await tokenThatIs(name));
    await begin();
    const answer = await clinic.fetch('/api/v1/payment-confirmations', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': 'x',
        ...(token === '' ? {} : { authorization: token }),
      },
      body: JSON.stringify(capture(await invoice())),
    });
    expect([answer.status, slugOf(answer)]).toEqual([401, slug]);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    await expectEffects({});
    // A token's first refusal of a minute is in the log at once, what follows in that minute is a sum: waiting until the
    // token was refused was the first. Those of whom nothing is known are below.
    if (name === 'an expired token' || name === 'a revoked token') expect(await refusalsOf(token)).toBeGreaterThan(0);
  });

  test('those of whom nothing is known are in the log as well', async () => {
    await eventually(
      async () => {
        const rows = await clinic.owner<{ error_message: string }[]>`
          select error_message from audit.entries where action = 'request.refuse' and result = 'DENIED'`;
        return ['MISSING_TOKEN', 'INVALID_TOKEN', 'WRONG_ENVIRONMENT'].every((code) =>
          rows.some(({ error_message: message }) => message.includes(code)),
        );
      },
      { withinMs: 10_000 },
    );
  });
});

/** An authorization header that is no longer good; '' for none. */
async function tokenThatIs(name: string): Promise<string> {
  if (name === 'no token') return '';
  if (name === 'a production token') return `Bearer ${generateIntegrationToken('production').text}`;
  if (name === 'an expired token') {
    const { issueToken } = await clinic.huda.run(
      `mutation ($input: IssueTokenInput!, $key: String!) {
        issueToken(input: $input, idempotencyKey: $key) { secret }
      }`,
      {
        key: randomUUID(),
        input: {
          integrationId: terminal.integrationId,
          name: 'short',
          scopes: ['write:payments'],
          expiresAt: new Date(Date.now() + 2_000).toISOString(),
        },
      },
    );
    const bearer = `Bearer ${issueToken.secret}`;
    const asks = async () => (await clinic.fetch('/api/v1/me', { headers: { authorization: bearer } })).status;
    await eventually(async () => (await asks()) === 200, { what: 'the token is good' });
    await eventually(async () => (await asks()) === 401, { what: 'the token has expired' });
    await settled();
    return bearer;
  }
  const partner = await clinic.partner({ scopes: ['write:payments'] });
  await clinic.huda.run('mutation ($id: ID!) { revokeToken(id: $id) { id } }', { id: partner.tokenId });
  await eventually(async () => (await partner.rest('GET', '/me')).status === 401, { what: 'the token is refused' });
  await settled();
  return `Bearer ${partner.token}`;
}

describe('row 2: what the caller may not', () => {
  test('a scope that is missing', async () => {
    await begin();
    const answer = await confirm(capture(await invoice()), { as: reader });
    expect([answer.status, slugOf(answer)]).toEqual([403, 'insufficient-scope']);
    expect(answer.headers.get('www-authenticate')).toContain('scope="write:payments"');
    await expectEffects({ denied: 1 });
  });

  test('an integration that is paused', async () => {
    const paused = await clinic.partner({ scopes: ['write:payments'] });
    await clinic.huda.run('mutation ($id: ID!) { pauseIntegration(id: $id, reason: "a test") { id } }', {
      id: paused.integrationId,
    });
    await eventually(async () => (await paused.rest('GET', '/me')).status === 403);
    await settled();
    await begin();
    const answer = await confirm(capture(await invoice()), { as: paused });
    expect([answer.status, slugOf(answer)]).toEqual([403, 'integration-paused']);
    await expectEffects({});
    expect(await refusalsOf(paused.token)).toBeGreaterThan(0);
  });
});

describe('row 3: the rate limit', () => {
  test('answers 429 with Retry-After and leaves no trace', async () => {
    const narrow = await clinic.openGateway({ TOKEN_REQUESTS_PER_MINUTE: '2' });
    close = [...close, narrow.close];
    const body = JSON.stringify(capture(await invoice()));
    const send = () =>
      narrow.fetch('/api/v1/payment-confirmations', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${terminal.token}`,
          'content-type': 'application/json',
          'idempotency-key': 'limited',
        },
        body,
      });
    expect((await send()).status).toBe(201);
    expect((await send()).headers.get('idempotent-replayed')).toBe('true');
    await begin();
    const answer = await send();
    expect([answer.status, slugOf(answer)]).toEqual([429, 'quota-exceeded']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    await expectEffects({});
  });
});

describe('row 4: what is malformed', () => {
  test.each([
    ['no JSON', '{', {}, 400, 'malformed-json'],
    ['a wrong type', { amount_minor: '10000' }, {}, 400, 'validation-failed'],
    ['an unknown field', { tip_minor: 1 }, {}, 400, 'unknown-field'],
    ['a negative amount', { amount_minor: -1 }, {}, 400, 'validation-failed'],
    ['an amount beyond all integers', '{"amount_minor":9007199254740993}', {}, 400, 'validation-failed'],
    ['no key', {}, { key: null }, 400, 'idempotency-key-missing'],
    ['another media type', {}, { headers: { 'content-type': 'text/plain' } }, 415, 'unsupported-media-type'],
    ['too large a body', { terminal_id: 'x'.repeat(70_000) }, {}, 413, 'payload-too-large'],
  ] as const)('%s', async (_name, said, sent, status, slug) => {
    const body = typeof said === 'string' ? said : capture(await invoice(), said);
    await begin();
    const answer = await confirm(body, sent);
    expect([answer.status, slugOf(answer)]).toEqual([status, slug]);
    if (slug === 'validation-failed') expect(answer.body.errors).toMatchObject([{ pointer: '/amount_minor' }]);
    await expectEffects({ rejected: 1 });
  });
});

test.each([
  ['terminal_txn_id', { terminal_txn_id: '4111111111111111' }],
  ['approval_code', { approval_code: '5555555555554444' }],
  ['card.scheme', { card: { scheme: 'VISA 4111 1111 1111 1111', last4: '1111' } }],
] as const)('row 5: a card number in %s is refused and kept nowhere', async (_place, said) => {
  const body = capture(await invoice(), said);
  await begin();
  const answer = await confirm(body);
  expect([answer.status, slugOf(answer)]).toEqual([422, 'sensitive-data']);
  expect(answer.text).not.toMatch(/4111|5555/);
  await expectEffects({ rejected: 1 });
  const rows = await clinic.owner<{ held: string }[]>`
    select format('%s %s', requests::text, '') as held from idempotency.requests
    union all select entries::text from audit.entries union all select kept::text from billing.terminal_confirmations as kept`;
  expect(rows.map(({ held }) => held).join('\n')).not.toMatch(/4111 ?1111|5555555555554444/);
});

describe('rows 6, 7 and 8: a key that is known', () => {
  test('6: with the same content it answers what it answered, whether that was a payment or a refusal', async () => {
    const paid = capture(await invoice());
    const refused = capture(await invoice(), { amount_minor: 10_001 });
    for (const [body, status] of [[paid, 201] as const, [refused, 422] as const]) {
      const key = randomUUID();
      const first = await confirm(body, { key });
      await begin();
      const again = await confirm(Object.fromEntries(Object.entries(body).toReversed()), { key });
      expect([first.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([status, status, 'true']);
      expect(withoutRequest(again)).toEqual(withoutRequest(first));
      await expectEffects({ replay: 1 });
    }
  });

  test('7: while it runs the second waits, and is then answered as row 6', async () => {
    const key = randomUUID();
    const body = capture(await invoice());
    await begin();
    const [first, second] = await holding(
      (tx) => tx`select id from billing.lock_invoice(${String(body.invoice_id)})`,
      async () => {
        const both = [confirm(body, { key }), confirm(body, { key })] as const;
        await waitingForLocks(2);
        return both;
      },
    );
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(1);
    expect(answers[0]?.text).toBe(answers[1]?.text);
    await expectEffects({ ...RECORDED, replay: 1 });
  });

  test('7: still running after two seconds it is refused, without a trace', async () => {
    const key = randomUUID();
    const body = capture(await invoice());
    await begin();
    const answer = await holding(
      (tx) =>
        tx`select verdict from idempotency.begin(${terminal.integrationId}, ${key}, 'confirmPayment', ${'a'.repeat(64)}, 'req_x')`,
      async () => [await confirm(body, { key })] as const,
      'roll back',
    );
    expect([answer[0].status, slugOf(answer[0])]).toEqual([409, 'idempotency-in-progress']);
    expect(answer[0].headers.get('retry-after')).toBe('1');
    await expectEffects({});
    expect((await confirm(body, { key })).status).toBe(201);
  });

  test('8: with other content it is refused', async () => {
    const key = randomUUID();
    const invoiceId = await invoice();
    await confirm(capture(invoiceId, { amount_minor: 100 }), { key });
    await begin();
    const answer = await confirm(capture(invoiceId, { amount_minor: 200 }), { key });
    expect([answer.status, slugOf(answer)]).toEqual([422, 'idempotency-key-reused']);
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    await expectEffects({ rejected: 1 });
  });
});

describe('rows 9 and 10: a terminal transaction that is known', () => {
  test('9: under another key it answers the original, also when the first key is older than its 30 days', async () => {
    const key = randomUUID();
    const body = capture(await invoice());
    const first = await confirm(body, { key });
    await clinic.owner.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update idempotency.requests set created_at = now() - interval '31 days' where idempotency_key = ${key}`;
    });
    await begin();
    for (const one of [key, randomUUID()]) {
      const again = await confirm(body, { key: one });
      expect([again.status, again.headers.get('idempotent-replayed'), again.text]).toEqual([200, 'true', first.text]);
    }
    await expectEffects({ replay: 2 });
  });

  test('9: one that was refused is judged again until a manager has resolved it', async () => {
    const invoiceId = await invoice('DRAFT');
    const body = capture(invoiceId);
    expect(slugOf(await confirm(body))).toBe('invoice-not-payable');
    await clinic.core`update billing.invoices set status = 'ISSUED', issued_on = current_date where id = ${invoiceId}`;
    await begin();
    expect((await confirm(body)).status).toBe(201);
    await expectEffects(RECORDED);
  });

  test('10: with other content it is a conflict, for a manager to look at', async () => {
    const body = capture(await invoice());
    await confirm(body);
    await begin();
    const answer = await confirm({ ...body, amount_minor: 9_999 });
    expect([answer.status, slugOf(answer)]).toEqual([409, 'transaction-conflict']);
    await expectEffects({ ...KEPT });
    await alerted();
  });
});

/** Once an hour and integration, however many captures wait for a review. */
async function alerted(): Promise<void> {
  const alerts = await clinic.owner`select detail from integration.alerts
    where kind = 'terminal_confirmation.refused' and entity_id = ${terminal.integrationId}`;
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
    const invoiceId = state === null ? '' : await invoice(state);
    await begin();
    const body = capture(invoiceId, said);
    const answer = await confirm(body);
    expect([answer.status, slugOf(answer)]).toEqual([status, slug]);
    if (slug === 'amount-exceeds-balance')
      expect(answer.body).toMatchObject({ balance_minor: 10_000, currency: 'SAR' });
    await expectEffects(effects);
    if (/^1[235]/.test(name)) await alerted();
    if (effects !== KEPT) return;
    const found = await terminal.rest(
      'GET',
      `/payment-confirmations?terminal_id=DESK-1&terminal_txn_id=${String(body.terminal_txn_id)}`,
    );
    expect(found.body.data).toMatchObject([{ status: 'REJECTED', reason: slug, payment_id: null }]);
    // Asking for it again, under another key, keeps it once.
    await begin();
    expect((await confirm(body)).status).toBe(status);
    await expectEffects({ rejected: 1 });
  });
});

describe('rows 18 to 20: what is booked', () => {
  test('18: a capture of a day that is closed by now goes to the next open one', async () => {
    const [closed] = await clinic.owner<{ day: string }[]>`
      select base.local_date(now() - interval '1 day')::text as day`;
    await clinic.core`select billing.close_business_day(${closed?.day ?? ''}::date, 'Huda')`;
    await begin();
    const answer = await confirm(
      capture(await invoice(), { captured_at: new Date(Date.now() - DAY_MS).toISOString() }),
    );
    expect([answer.status, answer.body.late_posted]).toEqual([201, true]);
    expect(answer.body.business_date > String(closed?.day)).toBe(true);
    await expectEffects(RECORDED);
  });

  test.each([
    ['19: less than is owed', 4_000, 'PARTIALLY_PAID', 6_000],
    ['20: all that is owed', 10_000, 'PAID', 0],
  ])('%s', async (_name, amount, status, balance) => {
    const invoiceId = await invoice();
    await begin();
    const answer = await confirm(capture(invoiceId, { amount_minor: amount }));
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ invoice_status: status, balance_minor: balance, late_posted: false });
    await expectEffects(RECORDED);
    const [row] = await clinic.owner`select status, paid_minor::int from billing.invoices where id = ${invoiceId}`;
    expect(row).toMatchObject({ status, paid_minor: amount });
  });
});

test('row 22: while the database does not get to it the answer is 503, nothing is stored, and the same key is good', async () => {
  const key = randomUUID();
  const body = capture(await invoice());
  await begin();
  const [answer] = await holding(
    (tx) => tx`select id from billing.lock_invoice(${String(body.invoice_id)})`,
    async () => [await confirm(body, { key })] as const,
    'roll back',
  );
  expect([answer.status, slugOf(answer)]).toEqual([503, 'temporarily-unavailable']);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  await expectEffects({});
  const again = await confirm(body, { key });
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, null]);
});

/** Does something while another session holds what `take` took. */
async function holding<Result>(
  take: (tx: Sql) => Promise<unknown>,
  meanwhile: () => Promise<Result>,
  end: 'commit' | 'roll back' = 'commit',
): Promise<Result> {
  let result: { value: Result } | undefined;
  await clinic.owner
    .begin(async (tx) => {
      await take(tx as unknown as Sql);
      result = { value: await meanwhile() };
      if (end === 'roll back') throw new Error('rolled back');
    })
    .catch((error: unknown) => {
      if (result === undefined) throw error;
    });
  if (result === undefined) throw new Error('Nothing was done meanwhile.');
  return result.value;
}

const waitingForLocks = (sessions: number) =>
  eventually(async () => {
    const rows = await clinic.owner`select 1 from pg_stat_activity
      where datname = current_database() and usename = 'bridgework_billing' and wait_event_type = 'Lock'`;
    return rows.length >= sessions;
  });

/** A refusal is told anew with each request's id. */
function withoutRequest({ body }: Answer): Record<string, unknown> {
  const { instance: _instance, request_id: _id, ...rest } = body;
  return rest;
}
