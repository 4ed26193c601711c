import { connect } from 'node:net';
import { readContract } from '@bridgework/kernel/contract-files';
import fc from 'fast-check';
import { Client } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
let clinic: TestGateway;
let partner: Partner;
let documentId: string;

beforeAll(async () => {
  clinic = await startGateway();
  partner = clinic.addPartner(['read:inventory']);
  documentId = clinic.addDocument(partner, LOW_STOCK);
  await clinic.settle();
});
afterAll(() => clinic?.close());

/** Bodies that are almost requests: right members with wrong values, wrong members, wrong nesting, and plain noise. */
const almostRequests = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string(),
  fc
    .dictionary(
      fc.constantFrom(
        'documentId',
        'doc_id',
        'query',
        'variables',
        'operationName',
        'extensions',
        '__proto__',
        'constructor',
      ),
      fc.oneof(fc.jsonValue(), fc.constant(LOW_STOCK), fc.constant(null), fc.string()),
    )
    .map((value) => JSON.stringify(value)),
  fc.jsonValue({ maxDepth: 3 }).map((variables) => JSON.stringify({ documentId, variables })),
  fc.jsonValue({ maxDepth: 3 }).map((first) => JSON.stringify({ documentId, variables: { first, after: first } })),
  fc.jsonValue().map((persistedQuery) => JSON.stringify({ extensions: { persistedQuery } })),
);

test('no body, however wrong, is answered with 500', async () => {
  const manager = await clinic.managerToken();
  await fc.assert(
    fc.asyncProperty(almostRequests, fc.constantFrom(partner.token, manager), async (body, token) => {
      const answer = await clinic.post(body, token);
      expect(answer.status).toBeLessThan(500);
      expect(answer.headers.get('request-id')).toMatch(/^req_/);
      expect(await answer.text()).not.toMatch(/node_modules|at .+:\d+:\d+|\/src\//);
    }),
    { numRuns: 400 },
  );
});

test('no query text, however wrong, is answered with 500', async () => {
  const manager = await clinic.managerToken();
  const pieces = fc.constantFrom(
    '{',
    '}',
    'query',
    'mutation',
    'fragment',
    'on',
    'Query',
    '...',
    'me',
    'name',
    '(',
    ')',
    '$',
    ':',
    '!',
    '"',
    '@include',
    'if',
    'true',
    'first',
    '1',
    '[',
    ']',
    'a',
    '#',
    'appointments',
    'subscription',
    '__schema',
  );
  const nested = fc.integer({ min: 1, max: 5000 }).map((depth) => '{me'.repeat(depth));
  const lists = fc
    .integer({ min: 1, max: 5000 })
    .map((depth) => `{ appointments(first: ${'['.repeat(depth)}) { edges { cursor } } }`);
  const circle = fc.constant('query A { ...F } fragment F on Query { ...G } fragment G on Query { ...F }');
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 30 }).map((all) => all.join(' ')),
    nested,
    lists,
    circle,
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (query) => {
      expect((await clinic.post({ query }, manager)).status).toBeLessThan(500);
    }),
    { numRuns: 200 },
  );
});

test('no search string or path is answered with 500', async () => {
  const client = new Client(clinic.origin);
  const part = fc.string({ maxLength: 40 });
  const paths = fc.oneof(
    part.map((text) => `/graphql?${encodeURI(text)}`),
    part.map((text) => `/graphql?documentId=${encodeURIComponent(text)}&variables=${encodeURIComponent(text)}`),
    part.map((text) => `/graphql/${encodeURIComponent(text)}`),
    fc.constantFrom(
      '/graphql/%zz',
      '/graphql?%',
      '/graphql?variables=%7B',
      `/graphql/${'a'.repeat(5000)}`,
      '//',
      '/%2e%2e/',
    ),
  );
  await fc.assert(
    fc.asyncProperty(paths, async (path) => {
      const answer = await client.request({
        method: 'GET',
        path,
        headers: { authorization: `Bearer ${partner.token}` },
      });
      await answer.body.dump();
      expect(answer.statusCode).toBeLessThan(500);
    }),
    { numRuns: 200 },
  );
  await client.close();
});

test.each([
  ['/api/v1/patients/%zz', '1.0.0'],
  ['/api/v1/webhook-endpoints/%C0%AF/events', '1.0.0'],
  [`/api/v2/appointments/${'x'.repeat(900)}`, '2.0.0'],
])('%s, which no router reads, is no such thing, in the words of its version', async (path, version) => {
  const answer = await fetch(`${clinic.origin}${path}`, { headers: { authorization: `Bearer ${partner.token}` } });
  const { type, request_id } = (await answer.json()) as { type: string; request_id: string };
  expect([answer.status, type, request_id]).toEqual([
    404,
    '/api/v1/problems/not-found',
    answer.headers.get('request-id'),
  ]);
  expect(answer.headers.get('api-version')).toBe(version);
  expect(answer.headers.get('vary')).toBe('Authorization, Accept');
});

test.each([
  ['no HTTP', 'what is this\r\n\r\n', 400],
  ['headers beyond all measure', `GET /api/v1/me HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 413],
])('%s is a problem too', async (_name, bytes, status) => {
  const { hostname, port } = new URL(clinic.origin);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*content-type: application/problem\\+json`));
  expect(JSON.parse(body)).toMatchObject({ status, request_id: /request-id: (\S+)/.exec(head)?.[1] });
});

test.each([
  ['a path of raw bytes', 'GET /api/v1/appointments/\xff\xfe HTTP/1.1\r\nhost: x'],
  ['a header of raw bytes', 'GET /api/v1/me HTTP/1.1\r\nhost: x\r\nidempotency-key: \xff\xc0'],
  ['a method nobody knows', 'BREW /api/v1/me HTTP/1.1\r\nhost: x'],
  ['a method of another protocol', 'PROPFIND /api/v1/me HTTP/1.1\r\nhost: x'],
  ['TRACE', 'TRACE /api/v1/me HTTP/1.1\r\nhost: x'],
  ['no host', 'GET /api/v1/me HTTP/1.1'],
  ['an address instead of a path', 'GET http://elsewhere.example/api/v1/me HTTP/1.1\r\nhost: x'],
  ['a star instead of a path', 'OPTIONS * HTTP/1.1\r\nhost: x'],
  ['two lengths', 'POST /api/v1/payment-confirmations HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2'],
  [
    'a length and chunks',
    'POST /api/v1/payment-confirmations HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked',
  ],
  [
    'chunks that are none',
    'POST /api/v1/payment-confirmations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz',
  ],
  ['an expectation nobody meets', 'POST /api/v1/me HTTP/1.1\r\nhost: x\r\nexpect: wonders\r\ncontent-length: 0'],
  ['the wish for another protocol', 'GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket'],
])('%s is refused as a problem, and nothing breaks', async (_name, head) => {
  const { hostname, port } = new URL(clinic.origin);
  const socket = connect(Number(port), hostname);
  socket.write(Buffer.from(`${head}\r\nconnection: close\r\n\r\n`, 'latin1'));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const [start = '', body = ''] = text.split('\r\n\r\n');
  expect(start).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(start.toLowerCase()).toContain('content-type: application/problem+json');
  expect(body).toContain('/api/v1/problems/');
});
