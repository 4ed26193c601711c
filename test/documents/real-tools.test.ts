import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';

/** The tools themselves, as a partner runs them on a project of theirs; nothing of a manifest is written by hand. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let clinic: Clinic;
let project: string;

const STOCK = `query LowStockOfTool($first: Int!) {
  lowStockItems(first: $first) { edges { node { ...ItemOfTool } } }
}`;
const ITEM = 'fragment ItemOfTool on InventoryItem { id sku onHand }';
const ME = 'query MeOfTool { me { name } }';
const scopes = ['read:inventory'] as const;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  project = mkdtempSync(join(tmpdir(), 'bw-tools-'));
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  write('schema.graphql', printSchema(buildClientSchema(await clinic.huda.run(getIntrospectionQuery()))));
  write('package.json', '{"name":"partner","private":true}');
});
afterAll(async () => {
  rmSync(project, { recursive: true, force: true });
  await clinic?.close();
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(project, file)), { recursive: true });
  writeFileSync(join(project, file), text);
}
const tool = (name: string, ...words: string[]) => run(join(root, 'node_modules/.bin', name), words, { cwd: project });
const read = (file: string): string => readFileSync(join(project, file), 'utf8');

test("a manifest of Apollo's tool registers, and its ids run", async () => {
  write('apollo/stock.graphql', `${STOCK}\n${ITEM}`);
  write('apollo/me.graphql', ME);
  write(
    'persisted-query-manifest.config.json',
    JSON.stringify({ documents: ['apollo/*.graphql'], output: './apollo-manifest.json' }),
  );
  await tool('generate-persisted-query-manifest');
  const manifest = JSON.parse(read('apollo-manifest.json')) as { format: string; operations: { id: string }[] };
  expect(manifest.format).toBe('apollo-persisted-query-manifest');
  const partner = await clinic.partner({ scopes, manifest: JSON.stringify(manifest) });
  const answers = await Promise.all(
    manifest.operations.map(({ id: sha256Hash }) =>
      partner.graphql({ variables: { first: 1 }, extensions: { persistedQuery: { version: 1, sha256Hash } } }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test("a manifest of graphql-codegen's client preset registers, and its sha1 ids run", async () => {
  write('codegen/stock.graphql', `${STOCK}\n${ITEM}`);
  write('codegen/me.graphql', ME);
  write(
    'codegen.json',
    JSON.stringify({
      schema: 'schema.graphql',
      documents: ['codegen/*.graphql'],
      generates: { 'gql/': { preset: 'client', presetConfig: { persistedDocuments: true } } },
    }),
  );
  await tool('graphql-codegen', '--config', 'codegen.json');
  const manifest = read('gql/persisted-documents.json');
  const keys = Object.keys(JSON.parse(manifest) as object);
  expect(keys.every((key) => /^[0-9a-f]{40}$/.test(key))).toBe(true);
  const partner = await clinic.partner({ scopes, manifest });
  const answers = await Promise.all(keys.map((documentId) => partner.graphql({ documentId, variables: { first: 1 } })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test("a manifest of Relay's compiler registers, and its md5 ids run", async () => {
  write(
    'relay/Stock.js',
    `graphql\`\n${STOCK.replace('LowStockOfTool', 'StockQuery').replace('...ItemOfTool', '...Stock_item')}\n\`;\ngraphql\`\n${ITEM.replace('ItemOfTool', 'Stock_item')}\n\`;\n`,
  );
  write('relay/Me.js', `graphql\`\n${ME.replace('MeOfTool', 'MeQuery')}\n\`;\n`);
  write(
    'relay.config.json',
    JSON.stringify({
      src: './relay',
      schema: './schema.graphql',
      language: 'javascript',
      artifactDirectory: './relay/__generated__',
      persistConfig: { file: './relay-documents.json', algorithm: 'MD5' },
    }),
  );
  mkdirSync(join(project, 'relay/__generated__'), { recursive: true });
  // The compiler adds to the file of the last time.
  write('relay-documents.json', '{}');
  await tool('relay-compiler', 'relay.config.json');
  const manifest = read('relay-documents.json');
  const keys = Object.keys(JSON.parse(manifest) as object);
  expect(keys.every((key) => /^[0-9a-f]{32}$/.test(key))).toBe(true);
  const partner = await clinic.partner({ scopes, manifest });
  const answers = await Promise.all(keys.map((doc_id) => partner.graphql({ doc_id, variables: { first: 1 } })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test('pairs and a plain file register too', async () => {
  const pairs = await clinic.partner({ scopes, manifest: JSON.stringify([['me.graphql', ME]]) });
  expect((await pairs.graphql({ documentId: 'me.graphql' })).status).toBe(200);
  const text = await clinic.partner({ scopes, manifest: `${STOCK}\n${ITEM}` });
  expect((await text.call('LowStockOfTool', { first: 1 })).status).toBe(200);
});
