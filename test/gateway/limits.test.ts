import { readContract } from '@bridgework/kernel/contract-files';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeOf, type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const IMPORT = `mutation Import($input: ImportAppointmentsInput!, $key: String!) {
  importAppointments(input: $input, idempotencyKey: $key) { background }
}`;
const KILOBYTE = 1024;

let clinic: TestGateway;
/** Registered documents only, as in production; and one that may send text. */
let partner: Partner;
let explorer: Partner;
let manager: string;

beforeAll(async () => {
  clinic = await startGateway();
  partner = clinic.addPartner(['read:inventory', 'read:appointments', 'read:visits', 'write:appointments']);
  explorer = clinic.addPartner(['read:inventory', 'read:appointments', 'read:visits']);
  explorer.integration.ad_hoc = true;
  await clinic.settle();
  manager = await clinic.managerToken();
});
afterAll(() => clinic?.close());

const spread = (count: number, field: (index: number) => string) => Array.from({ length: count }, (_, i) => field(i));
const aliases = (count: number) => `{ me { ${spread(count, (i) => `a${i}: name`).join(' ')} } }`;
const roots = (count: number) =>
  `{ ${spread(count, (i) => `...R${i}`).join(' ')} } ${spread(count, (i) => `fragment R${i} on Query { me { name } }`).join(' ')}`;
/** appointment → visit → appointment … `depth` fields deep. */
const deep = (depth: number) => {
  const inside = spread(depth - 2, (i) => (i % 2 === 0 ? 'visit' : 'appointment'));
  return `{ appointment(id: "apt_1") { ${inside.map((field) => `${field} { `).join('')}id${' }'.repeat(depth - 2)} } }`;
};
const page = (first: number) => `{ lowStockItems(first: ${first}) { pageInfo { hasNextPage } } }`;

describe.each([
  { limit: 'depth', text: deep, registered: 10, adHoc: 8 },
  { limit: 'aliases', text: aliases, registered: 30, adHoc: 15 },
  { limit: 'root fields', text: roots, registered: 10, adHoc: 5 },
  { limit: 'entries of a list', text: page, registered: 100, adHoc: 50 },
])('$limit', ({ text, registered, adHoc }) => {
  test(`at most ${adHoc} in the text of a partner`, async () => {
    const ask = (value: number) => clinic.post({ query: text(value) }, explorer.token);
    expect((await ask(adHoc)).status).toBe(200);
    const before = clinic.subgraphCalls();
    expect(await codeOf(await ask(adHoc + 1))).toEqual([400, 'LIMIT_EXCEEDED']);
    expect(clinic.subgraphCalls()).toBe(before);
  });

  test(`at most ${registered} in a registered document and in the text of a manager`, async () => {
    const [good, bad] = [text(registered), text(registered + 1)].map((one) => clinic.addDocument(partner, one));
    await clinic.settle();
    expect((await clinic.post({ documentId: good }, partner.token)).status).toBe(200);
    // Beyond its own size a document is never made ready; beyond a page it is refused per request.
    expect((await clinic.post({ documentId: bad }, partner.token)).status).toBeGreaterThanOrEqual(400);
    expect(await codeOf(await clinic.post({ query: text(registered + 1) }, manager))).toEqual([400, 'LIMIT_EXCEEDED']);
  });
});

test('the cost of a request is that of the entries it really asks for', async () => {
  const text = `query Lists($first: Int!) {
    one: appointments(first: $first) { edges { node { id visit { id } } } }
    two: appointments(first: $first) { edges { node { id visit { id } } } }
  }`;
  const id = clinic.addDocument(partner, text);
  await clinic.settle();
  // An appointment and its visit cost 2, the connection 1: two lists of 50 some 200, two of 100 some 400.
  const registered = (first: number) => clinic.post({ documentId: id, variables: { first } }, partner.token);
  const adHoc = (first: number) => clinic.post({ query: text, variables: { first } }, explorer.token);
  expect((await registered(100)).status).toBe(200);
  expect((await adHoc(50)).status).toBe(200);
  const three = text.replace('one:', 'zero: appointments(first: $first) { edges { node { id visit { id } } } } one:');
  expect(await codeOf(await clinic.post({ query: three, variables: { first: 50 } }, explorer.token))).toEqual([
    400,
    'LIMIT_EXCEEDED',
  ]);
  expect((await clinic.post({ query: three, variables: { first: 10 } }, explorer.token)).status).toBe(200);
});

describe('introspection', () => {
  test('is answered to the tools of a partner that may send text', async () => {
    const answer = await clinic.post({ query: getIntrospectionQuery() }, explorer.token);
    const { data } = (await answer.json()) as { data: { __schema: { types: unknown[] } } };
    expect([answer.status, data.__schema.types.length > 50]).toEqual([200, true]);
  });

  test('goes neither round in circles nor into breadth', async () => {
    const circle =
      '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }';
    expect(
      (await clinic.post({ query: circle }, explorer.token, { accept: 'application/graphql-response+json' })).status,
    ).toBe(400);
    const wide = `{ ${spread(20, (i) => `s${i}: __schema { types { name } }`).join(' ')} }`;
    expect(await codeOf(await clinic.post({ query: wide }, explorer.token))).toEqual([400, 'LIMIT_EXCEEDED']);
  });
});

describe('the size of a body', () => {
  const rows = (kilobytes: number) => ({
    key: 'k',
    input: { rows: [{ externalId: 'x'.repeat(kilobytes * KILOBYTE) }] },
  });
  const codeFor = async (body: unknown, token: string) => (await codeOf(await clinic.post(body, token)))[1];

  test('is 64 KB, for imports 1 MB, and nothing else may hide behind an import', async () => {
    const importId = clinic.addDocument(partner, IMPORT);
    const lowStock = clinic.addDocument(partner, readContract('operations/examples/low-stock.graphql'));
    await clinic.settle();
    const importing = (kilobytes: number) => ({ documentId: importId, variables: rows(kilobytes) });
    // Too large is found before what is in it; what is not too large fails only for what is in it.
    expect(await codeFor(importing(900), partner.token)).toBe('VALIDATION_FAILED');
    expect(await codeFor(importing(1030), partner.token)).toBe('PAYLOAD_TOO_LARGE');
    const after = 'x'.repeat(70 * KILOBYTE);
    expect(await codeFor({ documentId: lowStock, variables: { first: 1, after } }, partner.token)).toBe(
      'PAYLOAD_TOO_LARGE',
    );
    // Without the scope to import, not a byte more than 64 KB is read.
    expect(await codeFor({ documentId: importId, variables: rows(65) }, explorer.token)).toBe('PAYLOAD_TOO_LARGE');
  });

  test('is 1.5 MB for document sets of a manager, and 64 KB for whatever else a manager sends', async () => {
    const register = (kilobytes: number) => ({
      query: `mutation ($manifest: String!) {
        registerDocumentSet(integrationId: "int_1", manifest: $manifest, dryRun: true, wrong: true) { format } }`,
      variables: { manifest: 'x'.repeat(kilobytes * KILOBYTE) },
    });
    expect(await codeFor(register(1400), manager)).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await codeFor(register(1540), manager)).toBe('PAYLOAD_TOO_LARGE');
    const reading = {
      query: 'query ($id: ID!) { appointment(id: $id) { id } }',
      variables: { id: 'x'.repeat(70 * KILOBYTE) },
    };
    expect(await codeFor(reading, manager)).toBe('PAYLOAD_TOO_LARGE');
    const receptionist = await clinic.managerToken('RECEPTION');
    expect(await codeFor(register(65), receptionist)).toBe('PAYLOAD_TOO_LARGE');
  });
});

test('a request that a subgraph does not answer ends by the deadline of a call', async () => {
  const id = clinic.addDocument(partner, readContract('operations/examples/low-stock.graphql'));
  await clinic.settle();
  const begun = performance.now();
  // Ninety-nine never come.
  const answer = await clinic.post({ documentId: id, variables: { first: 99 } }, partner.token);
  expect(await codeOf(answer)).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
  expect(performance.now() - begun).toBeLessThan(5000);
});
