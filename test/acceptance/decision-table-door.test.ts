import { randomUUID } from 'node:crypto';
import { generateIntegrationToken } from '@bridgework/kernel/integration-token';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { capture, type Desk, openDesk, slugOf } from './payments/desk.ts';

/**
 * The decision table of payment confirmations, rows 1 to 5, through HTTP against the running system. After each row the ledger,
 * the events, the review queue, the alerts and the audit log are exactly what the row says.
 */
let desk: Desk;
let close: (() => Promise<void>)[] = [];

beforeAll(async () => {
  desk = await openDesk();
});
afterAll(async () => {
  for (const one of close) await one();
  await desk?.clinic.close();
});

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
    await desk.begin();
    const answer = await desk.clinic.fetch('/api/v1/payment-confirmations', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': 'x',
        ...(token === '' ? {} : { authorization: token }),
      },
      body: JSON.stringify(capture(await desk.invoice())),
    });
    expect([answer.status, slugOf(answer)]).toEqual([401, slug]);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    await desk.expectEffects({});
    // A token's first refusal of a minute is in the log at once, what follows in that minute is a sum: waiting until the
    // token was refused was the first. Those of whom nothing is known are below.
    if (name === 'an expired token' || name === 'a revoked token')
      expect(await desk.refusalsOf(token)).toBeGreaterThan(0);
  });

  test('those of whom nothing is known are in the log as well', async () => {
    await eventually(
      async () => {
        const rows = await desk.clinic.owner<{ error_message: string }[]>`
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
    const { issueToken } = await desk.clinic.huda.run(
      `mutation ($input: IssueTokenInput!, $key: String!) {
        issueToken(input: $input, idempotencyKey: $key) { secret }
      }`,
      {
        key: randomUUID(),
        input: {
          integrationId: desk.terminal.integrationId,
          name: 'short',
          scopes: ['write:payments'],
          expiresAt: new Date(Date.now() + 2_000).toISOString(),
        },
      },
    );
    const bearer = `Bearer ${issueToken.secret}`;
    const asks = async () => (await desk.clinic.fetch('/api/v1/me', { headers: { authorization: bearer } })).status;
    await eventually(async () => (await asks()) === 200, { what: 'the token is good' });
    await eventually(async () => (await asks()) === 401, { what: 'the token has expired' });
    await desk.settled();
    return bearer;
  }
  const partner = await desk.clinic.partner({ scopes: ['write:payments'] });
  await desk.clinic.huda.run('mutation ($id: ID!) { revokeToken(id: $id) { id } }', { id: partner.tokenId });
  await eventually(async () => (await partner.rest('GET', '/me')).status === 401, { what: 'the token is refused' });
  await desk.settled();
  return `Bearer ${partner.token}`;
}

describe('row 2: what the caller may not', () => {
  test('a scope that is missing', async () => {
    await desk.begin();
    const answer = await desk.confirm(capture(await desk.invoice()), { as: desk.reader });
    expect([answer.status, slugOf(answer)]).toEqual([403, 'insufficient-scope']);
    expect(answer.headers.get('www-authenticate')).toContain('scope="write:payments"');
    await desk.expectEffects({ denied: 1 });
  });

  test('an integration that is paused', async () => {
    const paused = await desk.clinic.partner({ scopes: ['write:payments'] });
    await desk.clinic.huda.run('mutation ($id: ID!) { pauseIntegration(id: $id, reason: "a test") { id } }', {
      id: paused.integrationId,
    });
    await eventually(async () => (await paused.rest('GET', '/me')).status === 403);
    await desk.settled();
    await desk.begin();
    const answer = await desk.confirm(capture(await desk.invoice()), { as: paused });
    expect([answer.status, slugOf(answer)]).toEqual([403, 'integration-paused']);
    await desk.expectEffects({});
    expect(await desk.refusalsOf(paused.token)).toBeGreaterThan(0);
  });

  test('a review that is overdue by more than two weeks', async () => {
    const overdue = await desk.clinic.partner({ scopes: ['write:payments'] });
    await desk.clinic.owner`update integration.integrations set review_due_on = current_date - 20
      where id = ${overdue.integrationId}`;
    await eventually(async () => slugOf(await overdue.rest('GET', '/me')) === 'review-overdue');
    await desk.settled();
    await desk.begin();
    const answer = await desk.confirm(capture(await desk.invoice()), { as: overdue });
    expect([answer.status, slugOf(answer)]).toEqual([403, 'review-overdue']);
    await desk.expectEffects({});
    expect(await desk.refusalsOf(overdue.token)).toBeGreaterThan(0);
  });
});

describe('row 3: the rate limit', () => {
  test('answers 429 with Retry-After and leaves no trace', async () => {
    const narrow = await desk.clinic.openGateway({ TOKEN_REQUESTS_PER_MINUTE: '2' });
    close = [...close, narrow.close];
    const body = JSON.stringify(capture(await desk.invoice()));
    const send = () =>
      narrow.fetch('/api/v1/payment-confirmations', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${desk.terminal.token}`,
          'content-type': 'application/json',
          'idempotency-key': 'limited',
        },
        body,
      });
    expect((await send()).status).toBe(201);
    expect((await send()).headers.get('idempotent-replayed')).toBe('true');
    await desk.begin();
    const answer = await send();
    expect([answer.status, slugOf(answer)]).toEqual([429, 'quota-exceeded']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    await desk.expectEffects({});
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
    const body = typeof said === 'string' ? said : capture(await desk.invoice(), said);
    await desk.begin();
    const answer = await desk.confirm(body, sent);
    expect([answer.status, slugOf(answer)]).toEqual([status, slug]);
    if (slug === 'validation-failed') expect(answer.body.errors).toMatchObject([{ pointer: '/amount_minor' }]);
    await desk.expectEffects({ rejected: 1 });
  });
});

test.each([
  ['terminal_txn_id', { terminal_txn_id: '4111111111111111' }],
  ['approval_code', { approval_code: '5555555555554444' }],
  ['card.scheme', { card: { scheme: 'VISA 4111 1111 1111 1111', last4: '1111' } }],
] as const)('row 5: a card number in %s is refused and kept nowhere', async (_place, said) => {
  const body = capture(await desk.invoice(), said);
  await desk.begin();
  const answer = await desk.confirm(body);
  expect([answer.status, slugOf(answer)]).toEqual([422, 'sensitive-data']);
  expect(answer.text).not.toMatch(/4111|5555/);
  await desk.expectEffects({ rejected: 1 });
  const rows = await desk.clinic.owner<{ held: string }[]>`
    select format('%s %s', requests::text, '') as held from idempotency.requests
    union all select entries::text from audit.entries union all select kept::text from billing.terminal_confirmations as kept`;
  expect(rows.map(({ held }) => held).join('\n')).not.toMatch(/4111 ?1111|5555555555554444/);
});
