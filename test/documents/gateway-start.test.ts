import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readContract } from '@bridgework/kernel/contract-files';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SDL = readContract('supergraph.graphql');
let clinic: Clinic;
let partner: Partner;
let owner: string;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  partner = await clinic.partner({
    scopes: ['read:inventory'],
    documents: ['query NameAtStart { me { name } }', 'query KindAtStart { me { kind } }'],
  });
  expect((await partner.call('NameAtStart')).status).toBe(200);
  const [row] = await clinic.owner`select name from integration.integrations where id = ${partner.integrationId}`;
  owner = row?.name;
  await eventually(async () => (await clinic.owner`select 1 from integration.document_uses`).length > 0, {
    what: 'the use is reported',
  });
});
afterAll(() => clinic?.close());

const changed = (from: RegExp, to: string): string => {
  const sdl = SDL.replace(from, to);
  if (sdl === SDL) throw new Error(`The supergraph has nothing like ${from}.`);
  return sdl;
};
const nameMayBeNull = () => changed(/(^type Me [\s\S]*?\n {2}name: String)!/m, '$1');

/** What `npm run check:documents` says of the registry of this clinic. */
async function checkDocuments(): Promise<{ code: number; said: string }> {
  const env = { ...process.env, INTEGRATION_DATABASE_URL: clinic.databaseUrl('bridgework_integration') };
  const args = ['run', '-s', 'check:documents', '-w', 'subgraphs/integration'];
  try {
    const { stderr } = await promisify(execFile)('npm', args, { cwd: root, env });
    return { code: 0, said: stderr };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, said: stderr };
  }
}

test('a gateway whose graph breaks a document that is used does not start, and says whose it is and why', async () => {
  const gateway = await clinic.anotherGateway({ supergraphSdl: nameMayBeNull() });
  try {
    await expect(gateway.ready()).rejects.toThrow(
      new RegExp(
        `breaks 1 documents[\\s\\S]*NameAtStart of ${owner} \\(owner Huda Al-Salem, last used 20\\d\\d-[^)]*\\): Me.name: its type was String! and is String\\.`,
      ),
    );
  } finally {
    await gateway.close();
  }
  // The deploy failed; nobody is served worse for it.
  expect((await partner.call('NameAtStart')).status).toBe(200);
});

test('a gateway whose graph only grew starts', async () => {
  const gateway = await clinic.anotherGateway({
    supergraphSdl: `${SDL}\ntype Fresh @join__type(graph: INVENTORY) { tint: String }\n`,
  });
  await gateway.ready();
  await gateway.close();
});

test('npm run check:documents names what a deploy would break, and ends with 1', async () => {
  expect(await checkDocuments()).toEqual({ code: 0, said: '2 callable documents, 0 broken by this graph.\n' });
  await clinic.owner`update integration.documents set analysis = jsonb_set(jsonb_set(analysis, '{contract,fields,Me.name}', '"Int!"'),
    '{contract,fingerprint}', '"of an earlier graph"') where name = 'NameAtStart'`;
  const { code, said } = await checkDocuments();
  expect(code).toBe(1);
  expect(said).toMatch(
    /NameAtStart of .*\(owner Huda Al-Salem, last used 20.*\), sha256:[0-9a-f]{64}:\n {2}- Me\.name: its type was Int! and is String!\.\n/,
  );
  expect(said).toContain('2 callable documents, 1 broken by this graph.');
});

test('a gateway that is told to accept it goes on without the document, and managers hear of it', async () => {
  const gateway = await clinic.anotherGateway({ supergraphSdl: nameMayBeNull(), acceptBroken: true });
  try {
    await gateway.ready();
    await eventually(async () => (await partner.call('NameAtStart')).status === 503, {
      what: 'the document is broken',
    });
    expect((await partner.call('KindAtStart')).status).toBe(200);
    const { brokenDocuments } = await clinic.huda.run(
      '{ brokenDocuments(first: 5) { edges { node { name brokenBecause integrationName internalOwner lastUsedAt } } } }',
    );
    expect(brokenDocuments.edges).toEqual([
      {
        node: {
          name: 'NameAtStart',
          brokenBecause: [expect.stringContaining('Me.name')],
          integrationName: owner,
          internalOwner: 'Huda Al-Salem',
          lastUsedAt: expect.any(String),
        },
      },
    ]);
    expect(await clinic.owner`select kind from integration.alerts where kind = 'document.broken'`).toHaveLength(1);
  } finally {
    await gateway.close();
  }
});
