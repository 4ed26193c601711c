import { readContract } from '@bridgework/kernel/contract-files';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeOf, type Partner, sha256, startGateway, type TestGateway } from './support/start-gateway.ts';

const DAY_SHEET = readContract('operations/examples/day-sheet.graphql');
const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
const CONFIRM = readContract('operations/examples/confirm-payment.graphql');
const RELAY_KEY = '5f4dcc3b5aa765d61d8327deb882cf99';
const variables = { from: '2026-03-01T00:00:00.000Z', to: '2026-03-02T00:00:00.000Z', first: 20 };
const UNKNOWN = `sha256:${'0'.repeat(64)}`;

let clinic: TestGateway;
let partner: Partner;
let stranger: Partner;
let daySheet: string;
let lowStock: string;
let confirm: string;

beforeAll(async () => {
  clinic = await startGateway();
  partner = clinic.addPartner([
    'read:appointments',
    'read:patients',
    'read:visits',
    'read:invoices',
    'read:financials',
    'read:inventory',
    'write:payments',
  ]);
  stranger = clinic.addPartner(['read:inventory']);
  daySheet = clinic.addDocument(partner, DAY_SHEET, { aliases: [RELAY_KEY] });
  lowStock = clinic.addDocument(partner, LOW_STOCK);
  confirm = clinic.addDocument(partner, CONFIRM);
  await clinic.settle();
});
afterAll(() => clinic?.close());

const withoutRequestId = (text: string): string => text.replaceAll(/req_[0-9a-z]{26}/g, 'req_');
const jsonOf = encodeURIComponent(JSON.stringify(variables));

test('every wire form of a persisted document answers the same', async () => {
  const hash = daySheet.slice('sha256:'.length);
  const extensions = { persistedQuery: { version: 1, sha256Hash: hash } };
  const answers = await Promise.all([
    clinic.post({ documentId: daySheet, variables }, partner.token),
    clinic.post({ doc_id: daySheet, variables }, partner.token),
    clinic.post({ doc_id: RELAY_KEY, variables }, partner.token),
    clinic.post({ extensions, variables, operationName: 'DaySheet' }, partner.token),
    clinic.get(`/graphql?documentId=${daySheet}&variables=${jsonOf}`, partner.token),
    clinic.get(
      `/graphql?extensions=${encodeURIComponent(JSON.stringify(extensions))}&variables=${jsonOf}`,
      partner.token,
    ),
    clinic.get(`/graphql/${daySheet}?variables=${jsonOf}`, partner.token),
  ]);
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(new Set(bodies).size).toBe(1);
  expect(JSON.parse(bodies[0] ?? '').data.appointments.edges[0].node).toMatchObject({
    patient: { displayName: 'سارة م.', balances: [{ amountMinor: 12_500, currency: 'SAR' }] },
    visit: { invoice: { reference: 'INV-1' }, materialsUsed: [{ quantity: 2, item: { name: 'Gloves' } }] },
    importedBy: null,
  });
});

describe('caching', () => {
  test('answers 304 to whoever holds these very bytes, and may be kept by nobody but the caller', async () => {
    const path = `/graphql/${lowStock}?variables=${encodeURIComponent('{"first":5}')}`;
    const first = await clinic.get(path, partner.token);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect(first.headers.get('cache-control')).toContain('private');
    expect(first.headers.get('vary')).toContain('Authorization');
    const second = await clinic.get(path, partner.token, { 'if-none-match': etag });
    expect([second.status, await second.text()]).toEqual([304, '']);
  });

  test('a document that touches personal data is stored nowhere', async () => {
    const answer = await clinic.get(`/graphql/${daySheet}?variables=${jsonOf}`, partner.token);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('etag')).toBeNull();
  });
});

test('answers in the media type the caller takes', async () => {
  const accept = { accept: 'application/graphql-response+json, application/json;q=0.9' };
  const answer = await clinic.post({ documentId: lowStock, variables: { first: 1 } }, partner.token, accept);
  expect(answer.headers.get('content-type')).toContain('application/graphql-response+json');
  const other = await clinic.post({ documentId: lowStock }, partner.token, { accept: 'text/html' });
  expect(other.status).toBe(406);
});

describe('refuses', () => {
  test('query text from a partner', async () => {
    const before = clinic.subgraphCalls();
    for (const body of [{ query: '{ __typename }' }, { query: LOW_STOCK, documentId: lowStock }, { variables: {} }]) {
      expect(await codeOf(await clinic.post(body, partner.token))).toEqual([400, 'PERSISTED_DOCUMENT_REQUIRED']);
    }
    const byGet = await clinic.get(`/graphql?query=${encodeURIComponent('{__typename}')}`, partner.token);
    expect(await codeOf(byGet)).toEqual([400, 'PERSISTED_DOCUMENT_REQUIRED']);
    expect(clinic.subgraphCalls()).toBe(before);
  });

  test('an unknown id and a foreign one in the same words', async () => {
    const answers = await Promise.all([
      clinic.post({ documentId: UNKNOWN, variables }, stranger.token),
      clinic.post({ documentId: daySheet, variables }, stranger.token),
      clinic.post({ documentId: RELAY_KEY, variables }, stranger.token),
    ]);
    const bodies = await Promise.all(answers.map(async (answer) => withoutRequestId(await answer.text())));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain('PERSISTED_DOCUMENT_NOT_FOUND');
    const headers = answers.map((answer) =>
      // What is left of the quota counts requests and says nothing of what was asked for.
      JSON.stringify({ ...Object.fromEntries(answer.headers), 'request-id': '', date: '', ratelimit: '' }),
    );
    expect(new Set(headers).size).toBe(1);
  });

  test("the product's own documents by id", async () => {
    const id = `sha256:${sha256(readContract('operations/rest-v1/low-stock.graphql'))}`;
    expect((await clinic.post({ documentId: id, variables: { first: 1 } }, partner.token)).status).toBe(404);
  });

  test('a mutation by GET', async () => {
    const answer = await clinic.get(`/graphql?documentId=${confirm}&variables=%7B%7D`, partner.token);
    expect(answer.headers.get('allow')).toBe('POST');
    expect(await codeOf(answer)).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(clinic.confirmed.count).toBe(0);
  });

  test('other methods, batches, uploads and what is not JSON', async () => {
    const authorization = `Bearer ${partner.token}`;
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const answer = await fetch(`${clinic.origin}/graphql`, { method, headers: { authorization } });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    }
    expect(await codeOf(await clinic.post([{ documentId: lowStock }], partner.token))).toEqual([
      400,
      'VALIDATION_FAILED',
    ]);
    const form = new FormData();
    form.set('operations', '{}');
    const upload = await fetch(`${clinic.origin}/graphql`, { method: 'POST', body: form, headers: { authorization } });
    expect(await codeOf(upload)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(await codeOf(await clinic.post('{"documentId":', partner.token))).toEqual([400, 'MALFORMED_JSON']);
  });

  test('a body over 64 KB from a partner', async () => {
    const body = { documentId: lowStock, variables: { first: 1, after: 'x'.repeat(65 * 1024) } };
    expect(await codeOf(await clinic.post(body, partner.token))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  test('variables that do not fit, without repeating what was sent', async () => {
    const answer = await clinic.post({ documentId: lowStock, variables: { first: 'Sara Ahmad' } }, partner.token);
    const text = await answer.text();
    expect([answer.status, text.includes('Sara')]).toEqual([400, false]);
    expect(JSON.parse(text).errors[0].extensions).toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [{ pointer: '/variables/first' }],
    });
  });

  test('a request that would cost too much with its actual variables', async () => {
    const answer = await clinic.post({ documentId: daySheet, variables: { ...variables, first: 1000 } }, partner.token);
    expect(await codeOf(answer)).toEqual([400, 'LIMIT_EXCEEDED']);
  });

  test('a retired document, to its owner alone', async () => {
    const text = 'query Retired($first: Int!) { lowStockItems(first: $first) { edges { node { id } } } }';
    const retired = clinic.addDocument(partner, text, { status: 'RETIRED' });
    await clinic.settle();
    expect(await codeOf(await clinic.post({ documentId: retired }, partner.token))).toEqual([410, 'DOCUMENT_RETIRED']);
    const foreign = await clinic.post({ documentId: retired }, stranger.token);
    expect(await codeOf(foreign)).toEqual([404, 'PERSISTED_DOCUMENT_NOT_FOUND']);
  });
});

test('gives every answer a request id of its own', async () => {
  const ids = await Promise.all(
    ['/healthz', '/readyz', '/nowhere', '/graphql', '/graphql/%zz'].map(async (path) => {
      const answer = await clinic.get(path, undefined, { 'request-id': 'mine' });
      return answer.headers.get('request-id');
    }),
  );
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^req_[0-9a-z]{26}$/);
});
