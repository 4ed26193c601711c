import { createHash } from 'node:crypto';
import { readContract } from '@bridgework/kernel/contract-files';
import type { Scope } from '@bridgework/schema';
import fc from 'fast-check';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

/**
 * A partner in production with every right there is, and registered documents: nothing it sends as text is executed,
 * whatever it looks like. What reaches the subgraphs is counted at their sockets. `npm run fuzz:production` sends 10,000.
 */
const REQUESTS = Number(process.env.PRODUCTION_REQUESTS ?? 2000);
const AT_ONCE = 16;
const SCOPES: readonly Scope[] = [
  'read:appointments',
  'read:visits',
  'read:patients',
  'read:patients:identified',
  'read:invoices',
  'read:inventory',
  'read:reports',
  'read:financials',
  'write:payments',
  'write:appointments',
  'write:imaging',
  'webhook:receive',
];
const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
const CONFIRM = readContract('operations/examples/confirm-payment.graphql');

let clinic: TestGateway;
let partner: Partner;
let ids: readonly string[];

beforeAll(async () => {
  clinic = await startGateway({ environment: 'production' });
  partner = clinic.addPartner(SCOPES);
  // Not even an integration that the registry calls ad-hoc by mistake may send text in production.
  partner.integration.ad_hoc = true;
  ids = [LOW_STOCK, CONFIRM].map((text) => clinic.addDocument(partner, text));
  await clinic.settle();
});
afterAll(() => clinic?.close());

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Shot {
  readonly kind: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

const name = fc.constantFrom(
  'me',
  'lowStockItems',
  'appointments',
  'patient',
  '__schema',
  '__typename',
  'confirmPayment',
);
/** Query text from valid to nonsense: the registered texts themselves, aliases by the hundred, depth, introspection. */
const text = fc.oneof(
  fc.constantFrom(
    LOW_STOCK,
    CONFIRM,
    '{ me { name } }',
    '{ __typename }',
    '{ __schema { types { name } } }',
    'mutation { x }',
  ),
  fc
    .tuple(fc.integer({ min: 1, max: 400 }), name)
    .map(([count, field]) => `{ ${Array.from({ length: count }, (_, i) => `a${i}: ${field}`).join(' ')} }`),
  fc.integer({ min: 1, max: 500 }).map((depth) => `${'{ visit '.repeat(depth)}${'}'.repeat(depth)}`),
  fc.string({ minLength: 1, maxLength: 60 }),
);
const variables = fc.oneof(
  fc.constant({ first: 5 }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 })),
);
const post = (kind: string, body: unknown): Shot => ({
  kind,
  method: 'POST',
  path: '/graphql',
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

const shots: fc.Arbitrary<Shot> = fc.oneof(
  fc.record({ query: text, variables }).map((body) => post('raw', body)),
  fc.tuple(text, fc.nat(1), variables).map(([query, index, given]) => {
    return post('mixed', { query, documentId: ids[index], variables: given });
  }),
  fc.tuple(text, fc.boolean()).map(([query, honest]) => {
    const sha256Hash = hashOf(honest ? query : `${query} `);
    return post('apq', { query, extensions: { persistedQuery: { version: 1, sha256Hash } } });
  }),
  fc.tuple(text, fc.integer({ min: 1, max: 20 })).map(([query, count]) => {
    return post(
      'batched',
      Array.from({ length: count }, () => ({ query, documentId: ids[0], variables: { first: 1 } })),
    );
  }),
  fc.tuple(text, fc.constantFrom('raw', 'mixed')).map(([query, kind]) => ({
    kind,
    method: 'GET' as const,
    path: `/graphql?query=${encodeURIComponent(Buffer.from(query).toString())}${kind === 'mixed' ? `&documentId=${ids[0]}` : ''}`,
  })),
  fc
    .integer({ min: 65 * 1024, max: 80 * 1024 })
    .map((size) => post('oversized', { query: '{ me { name } }', variables: { pad: 'x'.repeat(size) } })),
  fc
    .tuple(text, fc.string({ maxLength: 20 }))
    .map(([query, junk]) => post('broken', `{"query":${JSON.stringify(query)},${junk}`)),
);

test(`of ${REQUESTS} random raw, mixed, APQ, batched, aliased and oversized requests none is executed, none answered with 500`, async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const planned = fc.sample(shots, { numRuns: REQUESTS, seed });
  const pool = new Pool(clinic.origin, { connections: AT_ONCE });
  const headers = { authorization: `Bearer ${partner.token}`, 'content-type': 'application/json' };
  const answers = new Map<string, number>();
  const executedBefore = await clinic.executions();
  const callsBefore = clinic.subgraphCalls();
  const fire = async () => {
    for (let shot = planned.pop(); shot !== undefined; shot = planned.pop()) {
      const { statusCode, body } = await pool.request({
        method: shot.method,
        path: shot.path,
        headers,
        body: shot.body ?? null,
      });
      await body.dump();
      const key = `${shot.kind} ${statusCode}`;
      answers.set(key, (answers.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fire));
  await pool.close();
  const unexpected = [...answers.keys()].filter((key) => !/ (400|413|414|431)$/.test(key));
  expect({ seed, unexpected }).toEqual({ seed, unexpected: [] });
  expect([...answers.values()].reduce((total, count) => total + count, 0)).toBe(REQUESTS);
  expect(new Set([...answers.keys()].map((key) => key.split(' ')[0])).size).toBe(6);
  expect([(await clinic.executions()) - executedBefore, clinic.subgraphCalls() - callsBefore]).toEqual([0, 0]);
  // The same door, with a registered id: it is open, so the counters above could have moved.
  expect((await clinic.post({ documentId: ids[0], variables: { first: 1 } }, partner.token)).status).toBe(200);
  expect([(await clinic.executions()) - executedBefore, clinic.subgraphCalls() - callsBefore]).toEqual([1, 1]);
}, 60_000);
