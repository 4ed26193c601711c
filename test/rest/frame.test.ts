import { newId } from '@bridgework/kernel/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appointment, connection, item, me, patient } from './support/clinic-data.ts';
import { type RestServer, startRest } from './support/rest-server.ts';

const known = appointment();
const person = patient();
let rest: RestServer;
beforeAll(async () => {
  rest = await startRest({
    me: me(),
    patient: person,
    appointment: ({ id }: { id: string }) => (id === known.id ? known : null),
    appointments: connection([known]),
    lowStockItems: connection([item()]),
    payableInvoice: () => {
      throw new Error('connection to 10.0.0.7 lost: select secret from patients');
    },
  });
});
afterAll(() => rest.close());

const slugOf = (body: Record<string, unknown>): string => String(body.type).replace('/api/v1/problems/', '');

test('answers with the headers of the contract', async () => {
  const { status, headers, body } = await rest.send(`/api/v1/appointments/${known.id}`);
  expect(status).toBe(200);
  expect(headers.get('request-id')).toMatch(/^req_[0-9a-z]{26}$/);
  expect(headers.get('api-version')).toBe('1.0.0');
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('etag')).toBeNull();
  expect(headers.get('vary')).toBe('Authorization, Accept');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(body).toMatchObject({ id: known.id, patient_id: known.patient.id, chair_id: null });
  expect(JSON.stringify(body)).not.toContain('سارة');
});

test('tells a refusal as a problem of RFC 9457', async () => {
  const { status, headers, body } = await rest.send(`/api/v1/appointments/${newId('apt')}`);
  const requestId = headers.get('request-id');
  expect(status).toBe(404);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(body).toEqual({
    type: '/api/v1/problems/not-found',
    title: 'There is no such thing, or it is not yours.',
    status: 404,
    instance: `urn:request:${requestId}`,
    request_id: requestId,
  });
});

test('answers an id of another kind, an impossible id and an unknown one alike', async () => {
  const ids = [newId('apt'), newId('pat'), 'apt_%F0%9F%A6%B7', '1%00', 'x'.repeat(99)];
  const answers = await Promise.all(ids.map((id) => rest.send(`/api/v1/appointments/${id}`)));
  const bare = answers.map(({ status, body }) => ({ ...body, status, instance: '', request_id: '' }));
  expect(new Set(bare.map((one) => JSON.stringify(one))).size).toBe(1);
  expect(bare[0]?.status).toBe(404);
});

test.each([
  ['/api/v1/nothing', 404, 'not-found'],
  ['/api/v1', 404, 'not-found'],
  ['/api/v1/appointments/', 404, 'not-found'],
  ['/api/v2/appointments/', 404, 'not-found'],
])('knows no %s', async (path, status, slug) => {
  const answer = await rest.send(path);
  expect([answer.status, slugOf(answer.body)]).toEqual([status, slug]);
  expect(answer.headers.get('request-id')).toBe(answer.body.request_id);
});

test.each([
  ['DELETE', '/api/v1/appointments', 'GET, HEAD'],
  ['PUT', `/api/v1/appointments/${newId('apt')}`, 'GET, HEAD'],
  ['OPTIONS', '/api/v1/payment-confirmations', 'POST, GET, HEAD'],
  ['PATCH', '/api/v1/payment-confirmations', 'POST, GET, HEAD'],
])('refuses %s on %s and names what is allowed', async (method, path, allow) => {
  const { status, headers, body } = await rest.send(path, { method });
  expect([status, slugOf(body), headers.get('allow')]).toEqual([405, 'method-not-allowed', allow]);
});

test.each(['', 'text/plain', 'application/json; charset=utf-16'])(
  'tells of the wrong verb before it looks at a body of type "%s"',
  async (type) => {
    const { status, body } = await rest.send('/api/v1/appointment-imports', {
      method: 'DELETE',
      headers: { 'content-type': type },
      body: '{'.repeat(100_000),
    });
    expect([status, slugOf(body)]).toEqual([405, 'method-not-allowed']);
  },
);

test.each(['text/html', 'application/json;q=0, */*', 'application/xml, text/*'])(
  'refuses Accept: %s',
  async (accept) => {
    const { status, body } = await rest.send('/api/v1/me', { headers: { accept } });
    expect([status, slugOf(body)]).toEqual([406, 'not-acceptable']);
  },
);

test.each(['application/json', 'text/html, */*;q=0.1', 'application/*', 'Application/JSON; charset=utf-8'])(
  'takes Accept: %s',
  async (accept) => {
    expect((await rest.send('/api/v1/me', { headers: { accept } })).status).toBe(200);
  },
);

test('judges identity first, then scope, then what the request says', async () => {
  const wrong = { method: 'POST', headers: { accept: 'text/html', 'content-type': 'text/plain' }, body: '{' };
  const path = '/api/v1/payment-confirmations?x=1';
  const nobody = await rest.send(path, { ...wrong, as: null });
  expect([nobody.status, slugOf(nobody.body), nobody.headers.get('www-authenticate')]).toEqual([
    401,
    'missing-token',
    'Bearer',
  ]);
  const unknown = await rest.send(path, { ...wrong, as: 'unknown' });
  expect([unknown.status, unknown.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
  const reader = await rest.send(path, { ...wrong, as: 'reader' });
  expect([reader.status, slugOf(reader.body)]).toEqual([403, 'insufficient-scope']);
  expect(reader.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="write:payments"');
  expect((await rest.send(path, wrong)).status).toBe(406);
  expect((await rest.send(path, { ...wrong, headers: { 'content-type': 'text/plain' } })).status).toBe(415);
});

test('runs no operation for a caller without its scope', async () => {
  const before = rest.operations.length;
  expect((await rest.send('/api/v1/inventory/low-stock', { as: 'reader' })).status).toBe(403);
  expect(rest.operations.length).toBe(before);
});

test.each([
  ['patient_id=1', 'unknown-field', '/patient_id'],
  ['limit=0', 'validation-failed', '/limit'],
  ['limit=101', 'validation-failed', '/limit'],
  ['limit=1e1', 'validation-failed', '/limit'],
  ['limit=', 'validation-failed', '/limit'],
  ['limit=5&limit=5', 'validation-failed', '/limit'],
  ['status=scheduled', 'validation-failed', '/status'],
  ['starts_from=yesterday', 'validation-failed', '/starts_from'],
  ['starts_from=2026-02-30T00:00:00Z', 'validation-failed', '/starts_from'],
  ['starts_from=0000-01-01T00:00:00Z', 'validation-failed', '/starts_from'],
  ['starts_from=9999-12-31T23:59:59-23:59', 'validation-failed', '/starts_from'],
  ['provider_id=%FF', 'validation-failed', ''],
  ['cursor=abc', 'validation-failed', '/cursor'],
])('refuses the query %s', async (query, slug, pointer) => {
  const { status, body } = await rest.send(`/api/v1/appointments?${query}`);
  expect([status, slugOf(body)]).toEqual([400, slug]);
  expect(body.errors).toMatchObject([{ pointer }]);
});

test('repeats nothing that was given', async () => {
  const { text } = await rest.send('/api/v1/appointments?provider_id=Sara&Fatima%20Ali=1&status=0551234567');
  expect(text).not.toMatch(/Sara|Fatima|0551234567/);
});

test('answers 304 to who holds the current bytes, for what is not about a patient', async () => {
  const first = await rest.send('/api/v1/inventory/low-stock');
  const etag = first.headers.get('etag') ?? '';
  expect(first.headers.get('cache-control')).toBe('private, no-cache');
  expect(etag).toMatch(/^"[\w-]{27}"$/);
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await rest.send('/api/v1/inventory/low-stock', { headers: { 'if-none-match': tag } });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
  }
  expect((await rest.send('/api/v1/inventory/low-stock', { headers: { 'if-none-match': '"other"' } })).status).toBe(
    200,
  );
});

test('masks what is not meant for the caller', async () => {
  const { status, text, body } = await rest.send(`/api/v1/invoices/${newId('inv')}/payable`);
  expect([status, slugOf(body)]).toEqual([500, 'internal']);
  expect(text).not.toMatch(/10\.0\.0\.7|select|stack|Error/);
});

test('explains each problem type where its URL points', async () => {
  const { body } = await rest.send('/api/v1/appointments?x=1');
  const page = await rest.send(String(body.type), { as: null });
  expect(page.status).toBe(200);
  expect(page.body).toMatchObject({ slug: 'unknown-field', code: 'UNKNOWN_FIELD', status: 400 });
  expect((await rest.send('/api/v1/problems/no-such', { as: null })).status).toBe(404);
});

test('answers HEAD as GET without a body', async () => {
  const { status, text, headers } = await rest.send('/api/v1/me', { method: 'HEAD' });
  expect([status, text]).toEqual([200, '']);
  expect(headers.get('etag')).not.toBeNull();
});

test('shows a patient masked, and in full only to who may identify patients', async () => {
  const masked = await rest.send(`/api/v1/patients/${person.id}`);
  expect(masked.body).toEqual({
    id: person.id,
    display_name: person.displayName,
    phone_masked: person.phoneMasked,
    identified: null,
  });
  const full = await rest.send(`/api/v1/patients/${person.id}`, { as: 'identifier' });
  expect(full.body.identified).toEqual({ full_name: person.fullName, phone: person.phone, email: null });
  expect(full.headers.get('cache-control')).toBe('no-store');
  expect((await rest.send(`/api/v1/patients/${person.id}`, { as: 'reader' })).status).toBe(403);
});
