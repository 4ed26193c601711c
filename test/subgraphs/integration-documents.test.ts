import { createHash, randomUUID } from 'node:crypto';
import {
  type AuditEntry,
  type DocumentSet,
  documentIdOf,
  type PersistedDocument,
  type Registration,
} from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import type { DocumentTexts, Scope } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariam, omar, type Registry, snapshotWhere, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const unique = (): string => `Q${randomUUID().replaceAll('-', '')}`;
const meQuery = (name = unique()): string => `query ${name} { me { name } }`;
const dayQuery = (name = unique()): string => `query ${name} { appointments(first: 10) { edges { node { id } } } }`;
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

const request = (integrationId: string, manifest: string, change: object = {}) => ({
  integrationId,
  name: 'Release 1',
  manifest,
  dryRun: false,
  idempotencyKey: randomUUID(),
  ...change,
});
const register = (integrationId: string, manifest: string, change: object = {}): Promise<Registration> =>
  registry.mutate('registerDocumentSet', request(integrationId, manifest, change), mariam);
const partnerWith = async (...scopes: Scope[]): Promise<string> => (await registry.approved(scopes)).id;
const find = (integrationId: string, id: string): Promise<PersistedDocument | null> =>
  registry.query('persistedDocument', { integrationId, id }, omar);

async function activated(integrationId: string, manifest: string): Promise<DocumentSet> {
  const { documentSet, documents } = await register(integrationId, manifest);
  if (documentSet === null) throw new Error(JSON.stringify(documents));
  await registry.mutate('approveDocumentSet', { id: documentSet.id }, omar);
  return registry.activate(documentSet.id, mariam);
}

describe('a document set', () => {
  test('that is refused a step is audited under its integration', async () => {
    const integrationId = await partnerWith('read:appointments');
    const { documentSet } = await register(integrationId, meQuery());
    const id = documentSet?.id;
    await expect(registry.mutate('activateDocumentSet', { id }, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(registry.mutate('approveDocumentSet', { id }, mariam)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const filter = { integrationId, entityId: id };
    const page = await registry.query<Connection<AuditEntry>>('auditEntries', { filter, first: 10 }, omar);
    expect(page.edges.map(({ node }) => `${node.action} ${node.result}`)).toEqual([
      'document_set.approve DENIED',
      'document_set.activate REJECTED',
      'document_set.register OK',
    ]);
  });

  test('is registered in each of the four shapes, under the hash of the exact text and the key of the client', async () => {
    const integrationId = await partnerWith('read:appointments');
    const [one, two, three, four] = [dayQuery('Sheet'), dayQuery(), meQuery(), meQuery()];
    const apollo = JSON.stringify({
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id: documentIdOf(one).slice(7), name: 'Sheet', type: 'query', body: one }],
    });
    const shapes = [
      ['APOLLO', apollo, one, []],
      ['KEY_VALUE', JSON.stringify({ [md5(two)]: two }), two, [md5(two)]],
      ['PAIRS', JSON.stringify([['me.graphql', three]]), three, ['me.graphql']],
      ['TEXT', four, four, []],
    ] as const;
    for (const [version, [format, manifest, text, aliases]] of shapes.entries()) {
      const { documentSet, valid } = await register(integrationId, manifest);
      expect(valid).toBe(true);
      expect(documentSet).toMatchObject({ format, status: 'PENDING_APPROVAL', version: version + 1 });
      expect(await find(integrationId, documentIdOf(text))).toMatchObject({ text, aliases, operation: 'query' });
      for (const alias of aliases) expect(await find(integrationId, alias)).toMatchObject({ id: documentIdOf(text) });
    }
    expect(await find(integrationId, documentIdOf(one))).toMatchObject({
      name: 'Sheet',
      requiredScopes: [['read:appointments']],
      personalData: false,
    });
  });

  test('that needs a scope its integration lacks is refused, and says which', async () => {
    const integrationId = await partnerWith('read:appointments');
    const text = 'query Names { appointments(first: 1) { edges { node { patient { displayName fullName } } } } }';
    const { documentSet, documents, valid } = await register(integrationId, text);
    expect({ documentSet, valid }).toEqual({ documentSet: null, valid: false });
    expect(documents[0]?.errors).toEqual([
      'Names needs read:patients, read:patients:identified, which the integration lacks.',
    ]);
    expect(await find(integrationId, documentIdOf(text))).toBeNull();
  });

  test('that reaches for what is for managers alone is refused', async () => {
    const integrationId = await partnerWith('read:appointments');
    const { documents } = await register(
      integrationId,
      'query All { integrations(first: 1) { edges { node { id } } } }',
    );
    expect(documents[0]?.errors[0]).toContain('only managers');
  });

  test('with one faulty document is not stored at all; every fault has its place', async () => {
    const integrationId = await partnerWith('read:appointments');
    const [good, bad] = [meQuery(), 'query Bad {\n  me { nme }\n}'];
    const { documentSet, documents } = await register(integrationId, JSON.stringify({ good, bad }));
    expect(documentSet).toBeNull();
    expect(documents.map(({ errors }) => errors.length)).toEqual([0, 1]);
    expect(documents[1]?.errors[0]).toContain('2:8 Me.nme: Cannot query field "nme"');
    expect(await find(integrationId, documentIdOf(good))).toBeNull();
    const page = await registry.query<Connection<AuditEntry>>(
      'auditEntries',
      { filter: { integrationId, action: 'document_set.register' }, first: 10 },
      omar,
    );
    expect(page.edges.map(({ node }) => node.result)).toEqual(['REJECTED']);
  });

  test('is only looked at by a dry run, which does not use up the idempotency key', async () => {
    const integrationId = await partnerWith('read:appointments');
    const args = request(integrationId, meQuery(), { dryRun: true });
    const dry = await registry.mutate<Registration>('registerDocumentSet', args, mariam);
    expect(dry).toMatchObject({ documentSet: null, valid: true, documents: [{ errors: [] }] });
    const real = await registry.mutate<Registration>('registerDocumentSet', { ...args, dryRun: false }, mariam);
    expect(real.documentSet).not.toBeNull();
  });

  test('is registered once: by idempotency key, and by content', async () => {
    const integrationId = await partnerWith('read:appointments');
    const args = request(integrationId, JSON.stringify({ a: meQuery() }));
    const first = await registry.mutate<Registration>('registerDocumentSet', args, mariam);
    const replay = await registry.mutate<Registration>('registerDocumentSet', args, mariam);
    expect(replay).toEqual(first);
    const sameContent = await register(integrationId, args.manifest);
    expect(sameContent.documentSet?.id).toBe(first.documentSet?.id);
    const racing = JSON.stringify({ b: meQuery() });
    const sets = await Promise.all([register(integrationId, racing), register(integrationId, racing)]);
    expect(new Set(sets.map(({ documentSet }) => documentSet?.id)).size).toBe(1);
  });

  test('cannot take a key that names another document of the same integration', async () => {
    const [integrationId, other] = [await partnerWith(), await partnerWith()];
    await register(integrationId, JSON.stringify([['sheet', meQuery()]]));
    await expect(register(integrationId, JSON.stringify([['sheet', meQuery()]]))).rejects.toMatchObject({
      details: { errors: [{ pointer: '/0', code: 'alias-taken' }] },
    });
    expect((await register(other, JSON.stringify([['sheet', meQuery()]]))).valid).toBe(true);
  });

  test('is approved by another manager than the one who registered it', async () => {
    const integrationId = await partnerWith();
    const { documentSet } = await register(integrationId, meQuery());
    const id = documentSet?.id;
    await expect(registry.mutate('activateDocumentSet', { id }, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(registry.mutate('approveDocumentSet', { id }, mariam)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await registry.mutate('approveDocumentSet', { id }, omar)).toMatchObject({ status: 'APPROVED' });
    await expect(registry.mutate('rejectDocumentSet', { id, reason: 'No.' }, omar)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  test('is callable once it is active: gateways are told its id, aliases and text', async () => {
    const [integrationId, other] = [await partnerWith(), await partnerWith()];
    const text = meQuery();
    await activated(integrationId, JSON.stringify({ [md5(text)]: text }));
    const id = documentIdOf(text);
    const snapshot = await snapshotWhere(registry, ({ documents }) =>
      documents.some((one) => one.id === id && one.status === 'ACTIVE'),
    );
    expect(snapshot.documents.filter((one) => one.id === id)).toEqual([
      { id, integration_id: integrationId, name: expect.any(String), aliases: [md5(text)], status: 'ACTIVE' },
    ]);
    const answer = (await registry.control('POST /control/documents', { ids: [id] })) as DocumentTexts;
    expect(answer.documents).toEqual([{ id, text }]);
    // The namespace is the integration's.
    expect(await find(other, id)).toBeNull();
    expect(await find(other, md5(text))).toBeNull();
  });

  test('is unknown to gateways until it is active', async () => {
    const integrationId = await partnerWith();
    const text = meQuery();
    await register(integrationId, text);
    const answer = (await registry.control('POST /control/documents', { ids: [documentIdOf(text)] })) as DocumentTexts;
    expect(answer.documents).toEqual([]);
  });

  test('lists its documents by name, page by page', async () => {
    const integrationId = await partnerWith();
    const manifest = JSON.stringify(['C', 'A', 'B'].map((name) => [name, meQuery(name)]));
    const { documentSet } = await register(integrationId, manifest);
    const read = registry.resolver('DocumentSet', 'documents');
    const ctx = registry.contextOf(omar);
    const page = async (after: string | null) =>
      (await read(
        documentSet as never,
        { first: 2, after } as never,
        ctx,
        {} as never,
      )) as Connection<PersistedDocument>;
    const first = await page(null);
    expect(first.edges.map(({ node }) => node.name)).toEqual(['A', 'B']);
    const second = await page(first.pageInfo.endCursor);
    expect(second.edges.map(({ node }) => node.name)).toEqual(['C']);
    const count = registry.resolver('DocumentSet', 'documentCount');
    expect(await count(documentSet as never, {}, ctx, {} as never)).toBe(3);
    const sets = await registry.query<Connection<DocumentSet>>(
      'documentSets',
      { filter: { integrationId, status: 'PENDING_APPROVAL' }, first: 5 },
      omar,
    );
    expect(sets.edges.map(({ node }) => node.id)).toEqual([documentSet?.id]);
  });

  test('is refused for an integration that was never approved', async () => {
    const { id } = await registry.mutate<{ id: string }>('registerIntegration', registry.draft(), mariam);
    await expect(register(id, meQuery())).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});
