import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer, Partner } from '../support/partner.ts';

let clinic: Clinic;
let partner: Partner;
let stranger: Partner;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  [partner, stranger] = await Promise.all([
    clinic.partner({ scopes: ['read:appointments', 'read:patients'] }),
    clinic.partner({ scopes: ['read:appointments'] }),
  ]);
});
afterAll(() => clinic?.close());

const idOf = ({ headers }: Answer): string => headers.get('request-id') ?? '';

/** The entry of this request in the list of this partner, once it is there. */
const listed = (who: Partner, id: string) =>
  eventually(async () => (await who.rest('GET', `/requests?request_id=${id}`)).body.data[0], {
    what: `${id} is listed`,
  });

test('a partner finds each of its requests by its Request-Id: what was asked, and what became of it', async () => {
  const [patient] = await clinic.owner<{ id: string }[]>`select id from appointment.patients limit 1`;
  const cases = [
    ['GET', `/patients/${patient?.id}`, {}, 200, null, '/api/v1/patients/{id}'],
    ['GET', '/patients/pat_00000000000000000000000000', {}, 404, 'not-found', '/api/v1/patients/{id}'],
    ['GET', '/appointments?limit=1000', {}, 400, 'validation-failed', '/api/v1/appointments'],
    ['GET', '/inventory/low-stock', {}, 403, 'insufficient-scope', '/api/v1/inventory/low-stock'],
    ['POST', '/payment-confirmations', { body: '{' }, 403, 'insufficient-scope', '/api/v1/payment-confirmations'],
  ] as const;
  for (const [method, path, options, status, problem, route] of cases) {
    const answer = await partner.rest(method, path, options);
    expect(answer.status).toBe(status);
    const entry = await listed(partner, idOf(answer));
    expect(entry).toEqual({
      id: idOf(answer),
      token_id: partner.tokenId,
      method,
      route,
      status,
      problem,
      received_at: expect.stringMatching(/Z$/),
      duration_ms: expect.any(Number),
    });
    expect(Math.abs(Date.parse(entry.received_at) - Date.now())).toBeLessThan(60_000);
  }
});

test('what was asked for is not kept: no id, no filter, no body', async () => {
  const canary = 'whoever-5550199';
  const answer = await partner.rest('GET', `/appointments?status=${canary}`, {
    headers: { 'idempotency-key': canary },
  });
  await listed(partner, idOf(answer));
  const [row] = await clinic.owner<{ text: string }[]>`
    select kept::text as text from integration.rest_requests kept where id = ${idOf(answer)}`;
  expect(row?.text).toContain('/api/v1/appointments');
  expect(row?.text).not.toContain(canary);
});

test('another integration finds nothing of them, by id or in its list', async () => {
  const answer = await partner.rest('GET', '/me');
  await listed(partner, idOf(answer));
  expect((await stranger.rest('GET', `/requests?request_id=${idOf(answer)}`)).body.data).toEqual([]);
  const everything = await stranger.rest('GET', '/requests?limit=100');
  expect(everything.text).not.toContain(partner.tokenId);
});

test('the list goes back by pages, newest first, to the instant that was asked for', async () => {
  const asked: string[] = [];
  for (let number = 0; number < 5; number += 1) asked.push(idOf(await partner.rest('GET', '/me')));
  const oldest = await listed(partner, asked[0] ?? '');
  for (const id of asked) await listed(partner, id);
  const walked: { id: string; received_at: string }[] = [];
  let query = `since=${oldest.received_at}&limit=2`;
  for (;;) {
    const { body } = await partner.rest('GET', `/requests?${query}`);
    walked.push(...body.data);
    if (!body.has_more) break;
    query = `since=${oldest.received_at}&limit=2&cursor=${body.next_cursor}`;
  }
  const ids = walked.map(({ id }) => id);
  expect(ids.filter((id) => asked.includes(id))).toEqual(asked.toReversed());
  expect(new Set(ids).size).toBe(ids.length);
  expect(walked.every(({ received_at: at }) => at >= oldest.received_at)).toBe(true);
});

test('a request beyond the limit is in the list as well, and a flood keeps nobody out', async () => {
  const narrow = await clinic.openGateway({ TOKEN_REQUESTS_PER_MINUTE: '1' });
  const headers = { authorization: `Bearer ${partner.token}` };
  await narrow.fetch('/api/v1/me', { headers });
  const refused = await Promise.all(Array.from({ length: 400 }, () => narrow.fetch('/api/v1/me', { headers })));
  const other = await narrow.fetch('/api/v1/me', { headers: { authorization: `Bearer ${stranger.token}` } });
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]));
  expect(await listed(partner, idOf(refused[0] as Answer))).toMatchObject({ status: 429, problem: 'quota-exceeded' });
  expect(await listed(stranger, idOf(other))).toMatchObject({ status: 200 });
  await narrow.close();
});

test('a person of the clinic has no requests of an integration', async () => {
  const answer = await clinic.fetch('/api/v1/requests', { headers: { authorization: `Bearer ${clinic.huda.jwt}` } });
  expect([answer.status, answer.body.type]).toEqual([403, '/api/v1/problems/forbidden']);
});

test('each use of an operation is counted under its name, by token, also of the second version', async () => {
  const counts = async () => {
    const rows = await clinic.owner<{ operation: string; count: number }[]>`
      select operation, use_count::integer as count from integration.token_uses use
      join integration.tokens token on token.key = use.token_key where token.id = ${stranger.tokenId}`;
    return new Map(rows.map(({ operation, count }) => [operation, count]));
  };
  const before = await counts();
  const headers = { authorization: `Bearer ${stranger.token}` };
  for (let time = 0; time < 3; time += 1) await stranger.rest('GET', '/appointments?limit=1');
  for (let time = 0; time < 2; time += 1) await clinic.fetch('/api/v2/appointments?limit=1', { headers });
  await eventually(async () => {
    const after = await counts();
    const added = (operation: string) => (after.get(operation) ?? 0) - (before.get(operation) ?? 0);
    return added('AppointmentsV1') === 3 && added('AppointmentsV2') === 2;
  });
});
