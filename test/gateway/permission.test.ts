import { readContract } from '@bridgework/kernel/contract-files';
import { CALLER_HEADER } from '@bridgework/kernel/signed-caller';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { codeOf, type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const DAY_SHEET = readContract('operations/examples/day-sheet.graphql');
const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
const CONFIRM = readContract('operations/examples/confirm-payment.graphql');
const ADMIN = 'query Admin($first: Int!) { integrations(first: $first) { edges { node { id status } } } }';
const day = { from: '2026-03-01T00:00:00.000Z', to: '2026-03-02T00:00:00.000Z', first: 20 };
const payment = {
  input: {
    invoiceId: 'inv_1',
    amountMinor: 100,
    currency: 'SAR',
    terminalId: 't1',
    terminalTxnId: 'x1',
    capturedAt: '2026-03-01T10:00:00.000Z',
  },
  idempotencyKey: 'key-1',
};

let clinic: TestGateway;
let reader: Partner;
let terminal: Partner;
let accountant: Partner;

beforeAll(async () => {
  clinic = await startGateway();
  reader = clinic.addPartner(['read:appointments', 'read:inventory']);
  terminal = clinic.addPartner(['write:payments']);
  accountant = clinic.addPartner(['read:appointments', 'read:patients', 'read:invoices', 'read:financials']);
});
afterAll(() => clinic?.close());

const refusals = () => clinic.registry.reports.flatMap((report) => report.refusals);
const socketRequests = () => clinic.subgraphCalls();

describe('a document whose scopes are not held', () => {
  test('is refused whole before any subgraph is called, and the refusal is audited', async () => {
    const id = clinic.addDocument(reader, DAY_SHEET);
    await clinic.settle();
    const before = socketRequests();
    const answer = await clinic.post({ documentId: id, variables: day }, reader.token);
    expect(answer.headers.get('www-authenticate')).toMatch(
      /^Bearer error="insufficient_scope", scope="[^"]*read:financials/,
    );
    const requestId = answer.headers.get('request-id');
    const body = (await answer.json()) as Record<string, unknown>;
    expect([answer.status, 'data' in body]).toEqual([403, false]);
    expect(body).toMatchObject({ errors: [{ extensions: { code: 'INSUFFICIENT_SCOPE', requestId } }] });
    expect(socketRequests()).toBe(before);
    const refusal = await eventually(() => refusals().find((one) => one.request_id === requestId));
    expect(refusal).toMatchObject({
      integration_id: reader.integrationId,
      actor: `token ${reader.tokenEntry.id}`,
      action: 'document.execute',
      entity_id: id,
      code: 'INSUFFICIENT_SCOPE',
    });
  });

  test('is audited when it would write and its variables have the wrong shape; a read with such variables is not', async () => {
    const [write, read] = [clinic.addDocument(terminal, CONFIRM), clinic.addDocument(reader, LOW_STOCK)];
    await clinic.settle();
    const wrong = { ...payment, input: { ...payment.input, amountMinor: 'ten' } };
    const unread = await clinic.post({ documentId: read, variables: { first: 'ten' } }, reader.token);
    expect(await codeOf(unread)).toEqual([400, 'VALIDATION_FAILED']);
    const refused = await clinic.post({ documentId: write, variables: wrong }, terminal.token);
    expect(await codeOf(refused)).toEqual([400, 'VALIDATION_FAILED']);
    const requestId = refused.headers.get('request-id');
    const refusal = await eventually(() => refusals().find((one) => one.request_id === requestId));
    expect(refusal).toMatchObject({ action: 'document.execute', entity_id: write, code: 'VALIDATION_FAILED' });
    expect(refusals().filter((one) => one.request_id === unread.headers.get('request-id'))).toEqual([]);
  });

  test('is refused although @skip would leave the field out', async () => {
    const text =
      'query Skipped($yes: Boolean!) { appointment(id: "apt_1") { id patient @skip(if: $yes) { displayName } } }';
    const id = clinic.addDocument(reader, text);
    await clinic.settle();
    const answer = await clinic.post({ documentId: id, variables: { yes: true } }, reader.token);
    expect(await codeOf(answer)).toEqual([403, 'INSUFFICIENT_SCOPE']);
  });
});

test("managers' fields are refused to tokens whatever their scopes, and to staff who are not managers", async () => {
  const admin = clinic.addDocument(reader, ADMIN);
  await clinic.settle();
  const before = socketRequests();
  const byToken = await clinic.post({ documentId: admin, variables: { first: 1 } }, reader.token);
  expect(await codeOf(byToken)).toEqual([403, 'FORBIDDEN']);
  for (const role of ['RECEPTION', 'DENTIST', 'ACCOUNTANT']) {
    const answer = await clinic.post({ query: ADMIN, variables: { first: 1 } }, await clinic.managerToken(role));
    expect(await codeOf(answer)).toEqual([403, 'FORBIDDEN']);
  }
  expect(socketRequests()).toBe(before);
  const manager = await clinic.post({ query: ADMIN, variables: { first: 1 } }, await clinic.managerToken());
  expect([manager.status, await manager.json()]).toEqual([200, { data: { integrations: { edges: [] } } }]);
});

describe('query text', () => {
  test('runs for managers within the limits', async () => {
    const token = await clinic.managerToken();
    const deep = `{ appointment(id: "a") ${'{ visit { appointment '.repeat(6)}{ id } ${'} }'.repeat(6)} }`;
    const aliases = `{ ${Array.from({ length: 31 }, (_, index) => `a${index}: __typename`).join(' ')} appointment(id: "1") { id } }`;
    const dear =
      '{ appointments(first: 100) { edges { node { visit { procedures { code } } } } } visits(first: 100) { edges { node { procedures { code } } } } }';
    for (const query of [deep, aliases, dear]) {
      expect(await codeOf(await clinic.post({ query }, token))).toEqual([400, 'LIMIT_EXCEEDED']);
    }
    const invalid = await clinic.post({ query: '{ appointment(id: "a") { nope } }' }, token);
    expect(await codeOf(invalid)).toEqual([400, 'GRAPHQL_VALIDATION_FAILED']);
    const read = await clinic.post({ query: '{ appointment(id: "apt_1") { id status } }' }, token);
    expect(await read.json()).toEqual({ data: { appointment: { id: 'apt_1', status: 'COMPLETED' } } });
  });

  test('may introspect when it comes from a manager of the sandbox', async () => {
    const answer = await clinic.post({ query: getIntrospectionQuery() }, await clinic.managerToken());
    const { data } = (await answer.json()) as { data: { __schema: { types: unknown[] } } };
    expect(data.__schema.types.length).toBeGreaterThan(20);
  });

  test('runs for a partner only whose integration may, within tighter limits', async () => {
    reader.integration.ad_hoc = true;
    await clinic.settle();
    const answer = await clinic.post({ query: '{ appointment(id: "apt_1") { id } }' }, reader.token);
    expect(await answer.json()).toEqual({ data: { appointment: { id: 'apt_1' } } });
    const scope = await clinic.post({ query: '{ invoice(id: "i") { id status } }' }, reader.token);
    expect(await codeOf(scope)).toEqual([403, 'INSUFFICIENT_SCOPE']);
    const aliases = `{ ${Array.from({ length: 16 }, (_, index) => `a${index}: __typename`).join(' ')} me { name } }`;
    expect(await codeOf(await clinic.post({ query: aliases }, reader.token))).toEqual([400, 'LIMIT_EXCEEDED']);
    reader.integration.ad_hoc = false;
    await clinic.settle();
    const again = await clinic.post({ query: '{ me { name } }' }, reader.token);
    expect(await codeOf(again)).toEqual([400, 'PERSISTED_DOCUMENT_REQUIRED']);
  });
});

describe('towards the subgraphs', () => {
  test('a query header is reused for its caller, a mutation header is fresh and bound to its body', async () => {
    const lowStock = clinic.addDocument(reader, LOW_STOCK);
    const confirm = clinic.addDocument(terminal, CONFIRM);
    await clinic.settle();
    const { inventory, billing } = clinic.subgraphs;
    inventory.calls.length = 0;
    billing.calls.length = 0;
    for (const first of [1, 2, 3]) await clinic.post({ documentId: lowStock, variables: { first } }, reader.token);
    expect(new Set(inventory.calls.map(({ header }) => header)).size).toBe(1);
    expect(inventory.calls[0]?.claims).toMatchObject({
      aud: 'inventory',
      use: 'query',
      caller: { kind: 'integration', integrationId: reader.integrationId, tokenId: reader.tokenEntry.id },
      generation: clinic.registry.generation,
    });
    for (const idempotencyKey of ['a', 'b']) {
      const answer = await clinic.post(
        { documentId: confirm, variables: { ...payment, idempotencyKey } },
        terminal.token,
      );
      expect(answer.status).toBe(200);
    }
    expect(new Set(billing.calls.map(({ claims }) => claims.jti)).size).toBe(2);
    expect(billing.calls.every(({ claims }) => claims.use === 'mutation' && claims.body !== undefined)).toBe(true);
  });

  test('only traceparent, the request id and accept-language pass', async () => {
    const lowStock = clinic.addDocument(reader, LOW_STOCK);
    await clinic.settle();
    clinic.subgraphs.inventory.calls.length = 0;
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await clinic.post({ documentId: lowStock, variables: { first: 1 } }, reader.token, {
      traceparent,
      'accept-language': 'ar-SA',
      'x-clinic': 'other',
      cookie: 'a=b',
      [CALLER_HEADER]: 'forged',
    });
    const headers = clinic.subgraphs.inventory.calls[0]?.headers ?? {};
    expect(headers).toMatchObject({ traceparent, 'accept-language': 'ar-SA' });
    expect(Object.keys(headers).sort()).toEqual([
      'accept-language',
      'bridgework-caller',
      'bridgework-request-id',
      'connection',
      'content-length',
      'content-type',
      'host',
      'traceparent',
    ]);
    expect(headers['bridgework-request-id']).toBe(answer.headers.get('request-id'));
  });
});

describe('errors', () => {
  test("a refusal of the domain keeps its code and decides the answer's status", async () => {
    const confirm = clinic.addDocument(terminal, CONFIRM);
    await clinic.settle();
    const paid = { ...payment, input: { ...payment.input, invoiceId: 'inv_paid' } };
    const answer = await clinic.post({ documentId: confirm, variables: paid }, terminal.token);
    expect(await codeOf(answer)).toEqual([409, 'INVOICE_ALREADY_PAID']);
  });

  test('anything unexpected is masked', async () => {
    const confirm = clinic.addDocument(terminal, CONFIRM);
    await clinic.settle();
    const bug = { ...payment, input: { ...payment.input, invoiceId: 'inv_bug' } };
    const answer = await clinic.post({ documentId: confirm, variables: bug }, terminal.token);
    const text = await answer.text();
    expect([answer.status, JSON.parse(text).errors[0].extensions.code]).toEqual([500, 'INTERNAL']);
    expect(text).not.toMatch(/relation|billing|stack|serviceName/);
  });

  test('a value that a scalar does not take is refused at the door', async () => {
    const sheet = clinic.addDocument(
      reader,
      'query A($from: DateTime!) { appointments(filter: { startsFrom: $from }, first: 1) { edges { node { id } } } }',
    );
    await clinic.settle();
    const before = socketRequests();
    const answer = await clinic.post({ documentId: sheet, variables: { from: 'yesterday' } }, reader.token);
    expect(await codeOf(answer)).toEqual([400, 'VALIDATION_FAILED']);
    expect(socketRequests()).toBe(before);
  });

  test('an entity that one subgraph does not find is an error and not a hole', async () => {
    const text = 'query Ghost { appointment(id: "apt_ghost") { id patient { id balances { amountMinor } } } }';
    const ghost = clinic.addDocument(accountant, text);
    await clinic.settle();
    const answer = await clinic.post({ documentId: ghost }, accountant.token);
    const body = (await answer.json()) as { errors: { path: unknown; extensions: { code: string } }[] };
    expect([answer.status, 'data' in body]).toEqual([500, false]);
    expect(body.errors).toMatchObject([
      { path: ['appointment', 'patient', 'balances'], extensions: { code: 'INTERNAL' } },
    ]);
  });

  test('a subgraph that hangs is given up after three seconds', async () => {
    const lowStock = clinic.addDocument(reader, LOW_STOCK);
    await clinic.settle();
    const startedAt = performance.now();
    const answer = await clinic.post({ documentId: lowStock, variables: { first: 99 } }, reader.token);
    expect(await codeOf(answer)).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
    expect(performance.now() - startedAt).toBeLessThan(4000);
  });

  test('a subgraph that is away answers 503 whole and names no socket', async () => {
    const lowStock = clinic.addDocument(reader, LOW_STOCK);
    const mixed = clinic.addDocument(
      reader,
      'query Mixed { appointment(id: "apt_1") { id } lowStockItems(first: 1) { edges { node { id } } } }',
    );
    await clinic.settle();
    await clinic.stopSubgraph('inventory');
    for (const documentId of [lowStock, mixed]) {
      const answer = await clinic.post({ documentId, variables: { first: 1 } }, reader.token);
      const text = await answer.text();
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(text).toContain('TEMPORARILY_UNAVAILABLE');
      expect(text).not.toMatch(/\.sock|ENOENT|ECONNREFUSED|inventory|"data"/);
    }
    await clinic.startSubgraph('inventory');
    await eventually(
      async () => (await clinic.post({ documentId: lowStock, variables: { first: 1 } }, reader.token)).ok,
    );
  });
});
