import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSubgraphHostConfig } from '@bridgework/kernel/config';
import { DomainError } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import {
  CALLER_HEADER,
  type CallerUse,
  REQUEST_ID_HEADER,
  readSigningKey,
  type SignCallerInput,
  type SignedCaller,
  signCaller,
} from '@bridgework/kernel/signed-caller';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import { buildSubgraphHost } from '@bridgework/subgraph-host';
import { Client } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const sdl = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar DateTime
  type Query { patient: Patient whoami: String boom: String refusal: String at: DateTime }
  type Mutation { pay(amountMinor: Int!): String }
  type Patient @key(fields: "id") { id: ID! name: String }
`;
const requirements = JSON.stringify({
  'Query.patient': { scopes: [['read:patients']] },
  'Query.whoami': { public: true },
  'Query.boom': { public: true },
  'Query.refusal': { public: true },
  'Query.at': { public: true },
  'Mutation.pay': { scopes: [['write:payments']] },
  'Patient.id': { public: true },
  'Patient.name': { scopes: [['read:patients']] },
});
const paid: number[] = [];
const billing: Subgraph = {
  name: 'billing',
  resolvers: {
    Query: {
      patient: () => ({ id: 'pat_1', name: 'Layla' }),
      whoami: (_source, _args, ctx) => `${ctx.caller.kind} ${ctx.requestId}`,
      boom: () => Promise.reject(new Error('password of the database: hunter2')),
      refusal: () => {
        throw new DomainError('CONFLICT', { detail: 'Not now.', members: { state: 'PAID' } });
      },
      at: () => new Date('2026-03-01T08:30:00Z'),
    },
    Mutation: {
      pay: (_source: unknown, { amountMinor }: { amountMinor: number }) => {
        paid.push(amountMinor);
        return 'paid';
      },
    },
    Patient: { __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Layla' }) },
  },
  start: async () => ({
    controlRoutes: {
      'POST /control/echo': async ({ body }) => ({ body }),
      'GET /control/stream': async function* ({ signal }) {
        yield { line: 1 };
        yield { line: 2 };
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
    },
    close: async () => undefined,
  }),
};

const keys = generateKeyPairSync('ed25519');
const signingKey = readSigningKey(`k1:${keys.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')}`);
const database = await createDatabase();
const folder = mkdtempSync(join(tmpdir(), 'bw-'));
const socketPath = join(folder, 'billing.sock');
const config = readSubgraphHostConfig({
  CLINIC_ENV: 'sandbox',
  SUBGRAPHS: 'billing',
  BILLING_URL: `unix:${socketPath}`,
  BILLING_DATABASE_URL: database.urlFor('bridgework_billing'),
  CALLER_PUBLIC_KEY: `k1:${keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`,
  REGISTRY_SIGNING_KEY: 'k1:AAAA',
  SECRETS_KEY: 'k1:AAAA',
  TOKEN_PEPPER: 'k1:AAAA',
});
const contract = (file: string) => (file.endsWith('.json') ? requirements : sdl);
const newHost = () =>
  buildSubgraphHost(config, { subgraphs: [billing], log: createLogger('test', { level: 'silent' }), contract });

const host = newHost();
let client: Client;
beforeAll(async () => {
  await host.listen();
  client = new Client('http://billing', { socketPath });
});
afterAll(async () => {
  await client.close();
  await host.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

const token: SignedCaller = {
  kind: 'integration',
  integrationId: 'int_1',
  tokenId: 'tok_1',
  scopes: ['read:patients', 'write:payments'],
  environment: 'sandbox',
};
const gateway: SignedCaller = { kind: 'gateway', gatewayId: 'g1' };

const sign = (use: CallerUse, body: string, changes: Partial<SignCallerInput> = {}) =>
  signCaller(signingKey, { audience: 'billing', use, caller: token, generation: 1, body, now: new Date(), ...changes });

async function send(body: string, header: string | undefined, extra: Record<string, string> = {}, path = '/graphql') {
  const headers = { 'content-type': 'application/json', ...extra, ...(header ? { [CALLER_HEADER]: header } : {}) };
  const answer = await client.request({ method: 'POST', path, body, headers });
  return { status: answer.statusCode, body: (await answer.body.json()) as { data?: unknown; errors?: never[] } };
}
const query = (text: string) => JSON.stringify({ query: text, variables: {} });
const ask = (text: string, changes: Partial<SignCallerInput> = {}, extra = {}) =>
  send(query(text), sign('query', query(text), changes), extra);

const REFUSED = { status: 401, body: { errors: [{ message: 'The request does not prove its caller.' }] } };

test("answers a caller whom the gateway's header names", async () => {
  const requestId = newId('req');
  const answer = await ask('{ whoami patient { id name } at }', {}, { [REQUEST_ID_HEADER]: requestId });
  expect(answer).toEqual({
    status: 200,
    body: {
      data: {
        whoami: `integration ${requestId}`,
        patient: { id: 'pat_1', name: 'Layla' },
        at: '2026-03-01T08:30:00.000Z',
      },
    },
  });
});

test('refuses every request without a header, _service and unknown paths included', async () => {
  for (const text of ['{ whoami }', '{ _service { sdl } }', 'mutation { pay(amountMinor: 1) }', 'nonsense']) {
    expect(await send(query(text), undefined)).toEqual(REFUSED);
  }
  expect(await send('{}', undefined, {}, '/health')).toEqual(REFUSED);
  expect(await send('{}', undefined, {}, '/control/echo')).toEqual(REFUSED);
});

test('refuses an expired, an altered, a foreign and a misaddressed header', async () => {
  const text = query('{ whoami }');
  const good = sign('query', text);
  const [head, payload, signature] = good.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  claims.caller.scopes.push('read:financials');
  const altered = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
  const foreignKey = { keyId: 'k1', privateKey: generateKeyPairSync('ed25519').privateKey };
  const foreign = signCaller(foreignKey, {
    audience: 'billing',
    use: 'query',
    caller: token,
    generation: 1,
    now: new Date(),
  });
  for (const header of [
    sign('query', text, { now: new Date(Date.now() - 31_000) }),
    sign('query', text, { now: new Date(Date.now() + 60_000) }),
    altered,
    foreign,
    sign('query', text, { audience: 'inventory' }),
    'garbage',
    'a.b.c',
  ]) {
    expect(await send(text, header)).toEqual(REFUSED);
  }
  expect((await send(text, good)).status).toBe(200);
});

test('leaves refusals in the audit log, one row per reason however many there are', async () => {
  const text = query('{ whoami }');
  const expired = sign('query', text, { now: new Date(Date.now() - 31_000) });
  await Promise.all(Array.from({ length: 50 }, () => send(text, expired)));
  const owner = database.as('owner', 1);
  const rows = await eventually(async () => {
    const found = await owner`
      select actor, integration_id, entity, entity_id, result, request_id, written_by
      from audit.entries where action = 'subgraph.refuse' and error_message = 'expired'`;
    return found.length > 0 ? [...found] : undefined;
  });
  expect(rows).toEqual([
    {
      actor: 'system subgraph.billing',
      integration_id: null,
      entity: 'subgraph',
      entity_id: 'billing',
      result: 'DENIED',
      request_id: expect.stringMatching(/^req_/),
      written_by: 'bridgework_billing',
    },
  ]);
});

test('does a mutation once per header, and only with the body it was signed for', async () => {
  paid.length = 0;
  const body = query('mutation { pay(amountMinor: 7) }');
  const header = sign('mutation', body);
  expect(await send(query('mutation { pay(amountMinor: 70) }'), header)).toEqual(REFUSED);
  expect((await send(body, header)).body).toEqual({ data: { pay: 'paid' } });
  expect(await send(body, header)).toEqual(REFUSED);
  expect(paid).toEqual([7]);
});

test("refuses a mutation under a query's header, and the reverse", async () => {
  paid.length = 0;
  const mutation = query('mutation { pay(amountMinor: 1) }');
  expect(await send(mutation, sign('query', mutation))).toEqual(REFUSED);
  const read = query('{ whoami }');
  expect(await send(read, sign('mutation', read))).toEqual(REFUSED);
  expect(await send(read, sign('control', read))).toEqual(REFUSED);
  const both = JSON.stringify({
    query: 'query Read { whoami } mutation Pay { pay(amountMinor: 1) }',
    operationName: 'Pay',
  });
  expect(await send(both, sign('query', both))).toEqual(REFUSED);
  expect(paid).toEqual([]);
});

test('refuses a mutation header that was signed before the process began', async () => {
  const body = query('mutation { pay(amountMinor: 1) }');
  expect(await send(body, sign('mutation', body, { now: new Date(Date.now() - 20_000) }))).toEqual(REFUSED);
});

test('refuses a foreign scope at the field, through _entities as well', async () => {
  const caller: SignedCaller = { ...token, scopes: ['read:invoices'] };
  const entities =
    '{ _entities(representations: [{ __typename: "Patient", id: "p" }]) { ... on Patient { id name } } }';
  const { body } = await ask(entities, { caller });
  expect(body.data).toEqual({ _entities: [{ id: 'p', name: null }] });
  expect(body.errors).toMatchObject([
    { extensions: { code: 'INSUFFICIENT_SCOPE', members: { scope: 'read:patients' } } },
  ]);
});

test('answers a query the same each time it is asked, whoever asked before', async () => {
  const text = '{ patient { id name } whoami @skip(if: true) }';
  const entities =
    '{ _entities(representations: [{ __typename: "Patient", id: "p" }]) { ... on Patient { id name } } }';
  const stranger: SignedCaller = { ...token, tokenId: 'tok_2', scopes: ['read:invoices'] };
  const [allowed, refused] = [sign('query', ''), sign('query', '', { caller: stranger })];
  for (let again = 0; again < 4; again += 1) {
    const [{ body }, { body: refusal }] = [await send(query(text), allowed), await send(query(text), refused)];
    expect(body).toEqual({ data: { patient: { id: 'pat_1', name: 'Layla' } } });
    expect(refusal.data).toEqual({ patient: null });
    expect(refusal.errors).toMatchObject([{ path: ['patient'], extensions: { code: 'INSUFFICIENT_SCOPE' } }]);
    expect((await send(query(entities), allowed)).body).toEqual({ data: { _entities: [{ id: 'p', name: 'Layla' }] } });
    expect((await send(query(entities), refused)).body.data).toEqual({ _entities: [{ id: 'p', name: null }] });
    // Who waits for what is compiled between requests.
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("runs no mutation under a query's header, however often that was good for queries", async () => {
  const header = sign('query', '');
  for (let again = 0; again < 3; again += 1) expect((await send(query('{ whoami }'), header)).status).toBe(200);
  expect(await send(query('mutation { pay(amountMinor: 7) }'), header)).toEqual(REFUSED);
  expect(await send('{}', header, {}, '/control/echo')).toEqual(REFUSED);
  expect(paid).not.toContain(7);
});

test('lets refusals leave with their code and masks everything else', async () => {
  const { body } = await ask('{ refusal boom }');
  expect(body.errors).toEqual([
    { message: 'Not now.', path: ['refusal'], extensions: { code: 'CONFLICT', members: { state: 'PAID' } } },
    { message: 'Something went wrong on our side.', path: ['boom'], extensions: { code: 'INTERNAL' } },
  ]);
  expect(JSON.stringify(body)).not.toContain('hunter2');
});

test('answers what is no valid document without running anything', async () => {
  for (const text of ['{ nothing }', '{ __schema { queryType { name } } }', '{', 'fragment F on Patient { id }']) {
    const { status, body } = await ask(text);
    expect(status).toBe(200);
    expect(body.data).toBeUndefined();
    expect(body.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
  }
});

test('refuses bodies that are too large, no JSON, or of another type', async () => {
  const large = query(`{ whoami } # ${'x'.repeat(2 * 1024 * 1024)}`);
  expect((await send(large, sign('query', large))).status).toBe(413);
  expect((await send('{', sign('query', '{'))).status).toBe(400);
  expect((await send('{}', sign('query', '{}'))).status).toBe(400);
  const text = query('{ whoami }');
  expect((await send(text, sign('query', text), { 'content-type': 'text/plain' })).status).toBe(415);
  expect((await send(text, sign('query', text), {}, '/other')).status).toBe(404);
});

test('opens control routes to the gateway alone', async () => {
  const echo = (header: string) => send('{"a":1}', header, {}, '/control/echo');
  expect(await echo(sign('control', '{"a":1}', { caller: gateway }))).toEqual({
    status: 200,
    body: { body: '{"a":1}' },
  });
  expect(await echo(sign('control', '{"a":1}', { caller: token }))).toEqual(REFUSED);
  expect(await echo(sign('query', '{"a":1}', { caller: gateway }))).toEqual(REFUSED);
  expect((await send('', sign('control', '', { caller: gateway }), {}, '/control/none')).status).toBe(404);
});

test('streams control lines for as long as the gateway stays', async () => {
  const other = new Client('http://billing', { socketPath });
  const answer = await other.request({
    method: 'GET',
    path: '/control/stream',
    headers: { [CALLER_HEADER]: sign('control', '', { caller: gateway }) },
  });
  let text = '';
  for await (const chunk of answer.body) {
    text += String(chunk);
    if (text.split('\n').length === 3) break;
  }
  expect(text).toBe('{"line":1}\n{"line":2}\n');
  await other.destroy();
});

test('lets nobody else into the folder of its socket', async () => {
  expect(statSync(folder).mode & 0o077).toBe(0);
});

test('takes the place of a dead socket, never of a live one', async () => {
  await expect(newHost().listen()).rejects.toThrow('Another process listens');
  const dead = join(folder, 'inventory.sock');
  await leaveDeadSocket(dead);
  const inventory: Subgraph = { ...billing, name: 'inventory' };
  const second = buildSubgraphHost(
    {
      ...config,
      SUBGRAPHS: ['inventory'],
      INVENTORY_URL: { kind: 'socket', path: dead },
      INVENTORY_DATABASE_URL: config.BILLING_DATABASE_URL,
    },
    { subgraphs: [inventory], log: createLogger('test', { level: 'silent' }), contract },
  );
  await second.listen();
  const other = new Client('http://inventory', { socketPath: dead });
  const body = query('{ whoami }');
  const headers = {
    'content-type': 'application/json',
    [CALLER_HEADER]: sign('query', body, { audience: 'inventory' }),
  };
  expect((await other.request({ method: 'POST', path: '/graphql', body, headers })).statusCode).toBe(200);
  await other.close();
  await second.close();
});

test('names every setting that is missing at once', async () => {
  const { BILLING_URL: _, BILLING_DATABASE_URL: __, ...without } = config;
  expect(() => buildSubgraphHost(without, { subgraphs: [billing], log: createLogger('test') })).toThrow(
    /BILLING_URL is missing[\s\S]*BILLING_DATABASE_URL is missing/,
  );
});

/** A socket file whose owner is gone: renamed while it listened, so that closing did not remove it. */
function leaveDeadSocket(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.listen(`${path}.live`, () => {
      renameSync(`${path}.live`, path);
      server.close((error) => (error ? reject(error) : resolve()));
    });
  });
}
