import { createHash } from 'node:crypto';
import { ERRORS, type ErrorCode, slugOf } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { routes } from '../../gateway/src/rest/routes.ts';
import { appointment, connection, item, me, payment, receipt } from './support/clinic-data.ts';
import { type RestServer, startRest } from './support/rest-server.ts';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const known = appointment({ chair: { id: newId('chr'), name: 'كرسي ١' } });
const recorded = receipt();
let rest: RestServer;
beforeAll(async () => {
  rest = await startRest({
    me: me(),
    appointment: known,
    appointments: connection([known]),
    lowStockItems: connection([item()]),
    confirmPayment: recorded,
  });
});
afterAll(() => rest.close());

test('shows the reference as one page that needs nothing from elsewhere', async () => {
  const { status, headers, text } = await rest.send('/api/v1/docs', { as: null, headers: { accept: BROWSER } });
  expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '';
  expect(style.length).toBeGreaterThan(500);
  const hash = createHash('sha256').update(style).digest('base64');
  expect(headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(text).not.toMatch(/<script|<link|<img|<iframe|@import|url\(| style=/);
  const again = await rest.send('/api/v1/docs', { as: null, headers: { 'if-none-match': headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
});

test('tells of every operation of v1 with curl and JavaScript, of every event and of every refusal', async () => {
  const { text } = await rest.send('/api/v1/docs', { as: null });
  const v1 = routes.filter(({ path }) => path.startsWith('/api/v1/'));
  for (const { method, path } of v1) expect(text).toContain(`>${method}</span><code>${path}</code>`);
  expect(text.match(/>JavaScript<\/label>/g)?.length).toBeGreaterThanOrEqual(v1.length);
  for (const event of ['appointment.created', 'inventory.low_stock']) expect(text).toContain(`<h3>${event}</h3>`);
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const isOfGraphQL = /^(PERSISTED_|GRAPHQL_|DOCUMENT_)/.test(code);
    expect(text.includes(`id="problem-${slugOf(code)}"`)).toBe(!isOfGraphQL);
  }
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
});

test('shows a problem type as a page to a browser and as JSON to a program', async () => {
  const path = '/api/v1/problems/slot-conflict';
  const page = await rest.send(path, { as: null, headers: { accept: BROWSER } });
  expect([page.headers.get('content-type'), page.text.includes('<h1>slot-conflict</h1>')]).toEqual([
    'text/html; charset=utf-8',
    true,
  ]);
  for (const accept of ['*/*', 'application/json', 'application/json, text/html;q=0.5']) {
    const answer = await rest.send(path, { as: null, headers: { accept } });
    expect(answer.body.slug).toBe('slot-conflict');
  }
  const gone = await rest.send('/api/v1/problems/no-such', { as: null, headers: { accept: BROWSER } });
  expect([gone.status, gone.headers.get('content-type')]).toEqual([404, 'application/problem+json; charset=utf-8']);
});

test('shows examples that somebody could have sent, and leads to every part of itself', async () => {
  const { text } = await rest.send('/api/v1/docs', { as: null, headers: { accept: BROWSER } });
  expect(text.match(/(?:&quot;|")text(?:&quot;|")|=text\b|-9007199254740991/g)).toBeNull();
  const ids = new Set([...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const targets = [...text.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target);
  expect(targets.filter((target) => !ids.has(target))).toEqual([]);
  expect(targets).toContain('production');
});

test('the page refuses to be anything but HTML', async () => {
  const { status } = await rest.send('/api/v1/docs', { as: null, headers: { accept: 'application/json' } });
  expect(status).toBe(406);
});

test('gives a browser of another origin nothing to work with', async () => {
  const headers = { origin: 'https://elsewhere.example', 'access-control-request-method': 'GET' };
  for (const method of ['GET', 'OPTIONS']) {
    const answer = await rest.send('/api/v1/me', { method, headers });
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  }
});

test.each([
  ['/api/v1/appointments/', 404],
  ['/api/v1//appointments', 404],
  ['/API/v1/appointments', 404],
  ['/api/v1/Appointments', 404],
  ['/api/v1/appointments;x=1', 404],
  ['/api/v1/appointments/..%2Fme', 404],
  ['/api/v1/app%6Fintments', 200],
  ['/api/v1/appointments?', 200],
  ['/api/v1/appointments?&', 200],
  ['/api/v1/appointments?limit=%31', 200],
  ['/api/v1/appointments?limit', 400],
  ['/api/v1/appointments?LIMIT=1', 400],
  ['/api/v1/appointments?limit=1&limit=2', 400],
  ['/api/v1/appointments?limit[]=1', 400],
  ['/api/v1/appointments?starts_from=2026-03-01T08:30:00+03:00', 400],
  ['/api/v1/appointments?starts_from=2026-03-01T08:30:00%2B03:00', 200],
  ['/api/v1/me?x', 400],
])('answers %s with %i', async (path, status) => {
  expect((await rest.send(path)).status).toBe(status);
});

test('knows what an encoded path allows', async () => {
  const { status, headers } = await rest.send('/api/v1/app%6Fintments', { method: 'DELETE' });
  expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test('HEAD tells what GET would: status, type, length and validator, for refusals too', async () => {
  for (const path of ['/api/v1/me', '/api/v1/inventory/low-stock', '/api/v1/appointments?limit=0', '/api/v1/docs']) {
    const [get, head] = await Promise.all([rest.send(path), rest.send(path, { method: 'HEAD' })]);
    expect([head.status, head.text]).toEqual([get.status, '']);
    for (const name of ['content-type', 'etag', 'cache-control'])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
  }
  expect((await rest.send('/api/v1/payment-confirmations', { method: 'HEAD' })).status).toBe(400);
});

test('names the place of what it made', async () => {
  const { status, headers } = await rest.send('/api/v1/payment-confirmations', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: JSON.stringify(payment()),
  });
  expect([status, headers.get('location')]).toEqual([201, `/api/v1/payment-confirmations/${recorded.confirmationId}`]);
});

test('serves a second version of a resource beside the first, each with its own words', async () => {
  const [v1, v2] = await Promise.all([
    rest.send(`/api/v1/appointments/${known.id}`),
    rest.send(`/api/v2/appointments/${known.id}`),
  ]);
  expect([v1.headers.get('api-version'), v2.headers.get('api-version')]).toEqual(['1.0.0', '2.0.0']);
  expect(v1.body).toMatchObject({ status: 'SCHEDULED', patient_id: known.patient.id, starts_at: known.startsAt });
  expect(v2.body).toMatchObject({
    status: 'scheduled',
    slot: { starts_at: known.startsAt, minutes: 30 },
    patient: { id: known.patient.id },
    chair: { name: 'كرسي ١' },
  });
  const list = await rest.send('/api/v2/appointments?status=scheduled&limit=1');
  expect(list.body.data).toEqual([v2.body]);
  expect((await rest.send('/api/v2/appointments?status=SCHEDULED')).status).toBe(400);
  expect((await rest.send('/api/v2/appointments?starts_from=2026-03-01T08:30:00Z')).status).toBe(400);
  expect((await rest.send('/api/v2/me')).status).toBe(404);
});
