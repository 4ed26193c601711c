import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { subgraph as integration } from '@bridgework/integration';
import { subgraph as inventory } from '@bridgework/inventory';
import { readSubgraphHostConfig } from '@bridgework/kernel/config';
import { createLogger } from '@bridgework/kernel/logger';
import { CALLER_HEADER, readSigningKey, type SignedCaller, signCaller } from '@bridgework/kernel/signed-caller';
import { SUBGRAPH_NAMES, type SubgraphName, scopesOfRole } from '@bridgework/schema';
import { buildSubgraphHost } from '@bridgework/subgraph-host';
import { Client } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';

const database = await createDatabase();
const folder = mkdtempSync(join(tmpdir(), 'bw-'));
const caller = keyPair();
const registry = keyPair();
const secret = () => `s1:${randomBytes(32).toString('base64')}`;
const config = readSubgraphHostConfig({
  CLINIC_ENV: 'sandbox',
  CALLER_PUBLIC_KEY: caller.publicKey,
  REGISTRY_SIGNING_KEY: registry.privateKey,
  SECRETS_KEY: secret(),
  TOKEN_PEPPER: secret(),
  ...Object.fromEntries(
    SUBGRAPH_NAMES.flatMap((name) => [
      [`${name.toUpperCase()}_URL`, `unix:${join(folder, `${name}.sock`)}`],
      [`${name.toUpperCase()}_DATABASE_URL`, database.urlFor(`bridgework_${name}`)],
    ]),
  ),
});
const host = buildSubgraphHost(config, {
  subgraphs: [appointment, billing, inventory, integration],
  log: createLogger('test', { level: 'silent' }),
});

beforeAll(() => host.listen());
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true });
});

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKey: `k1:${privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')}`,
    publicKey: `k1:${publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`,
  };
}

const manager: SignedCaller = {
  kind: 'user',
  issuer: 'https://idp.example',
  subject: 'm1',
  name: 'Manager',
  role: 'MANAGER',
  scopes: scopesOfRole('MANAGER'),
};

async function ask(name: SubgraphName, query: string, who = manager): Promise<unknown> {
  const client = new Client(`http://${name}`, { socketPath: join(folder, `${name}.sock`) });
  const signed = { audience: name, use: 'query', caller: who, generation: 1, now: new Date() } as const;
  const header = signCaller(readSigningKey(caller.privateKey), signed);
  const headers = { 'content-type': 'application/json', [CALLER_HEADER]: header };
  const { body } = await client.request({ method: 'POST', path: '/graphql', headers, body: JSON.stringify({ query }) });
  const answer = await body.json();
  await client.close();
  return answer;
}

test('serves four subgraphs from one process, each as its own database role', async () => {
  const page = '(first: 1) { edges { cursor } }';
  expect(await ask('appointment', `{ appointments${page} }`)).toEqual({ data: { appointments: { edges: [] } } });
  expect(await ask('billing', `{ terminalConfirmations${page} }`)).toEqual({
    data: { terminalConfirmations: { edges: [] } },
  });
  expect(await ask('inventory', `{ lowStockItems${page} }`)).toEqual({ data: { lowStockItems: { edges: [] } } });
});

test.each(['integrations', 'documentSets', 'deliveries', 'deadLetters', 'auditEntries', 'observedOperations'])(
  'answers a manager who asks for %s, and nobody else',
  async (root) => {
    const query = `{ ${root}(first: 1) { pageInfo { hasNextPage } } }`;
    expect(await ask('integration', query)).toMatchObject({ data: { [root]: { pageInfo: {} } } });
    const receptionist = { ...manager, role: 'RECEPTION' } as const;
    expect(await ask('integration', query, receptionist)).toMatchObject({
      errors: [{ extensions: { code: 'FORBIDDEN' } }],
    });
  },
);

test('knows who is asking', async () => {
  expect(await ask('integration', '{ me { kind name scopes integration { id } } }')).toEqual({
    data: { me: { kind: 'USER', name: 'Manager', scopes: [...manager.scopes], integration: null } },
  });
});

test('leaves no socket behind when it closes', async () => {
  expect(readdirSync(folder)).toHaveLength(4);
  await host.close();
  expect(readdirSync(folder)).toEqual([]);
});
