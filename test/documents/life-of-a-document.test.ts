import { randomUUID } from 'node:crypto';
import {
  type AuditEntry,
  type DocumentSet,
  documentIdOf,
  type PersistedDocument,
  type Registration,
} from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import { newId } from '@bridgework/kernel/ids';
import type { Scope } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariam, omar, type Registry, registration, snapshotWhere, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const unique = (): string => `Q${randomUUID().replaceAll('-', '')}`;
const meQuery = (name = unique()): string => `query ${name} { me { name } }`;
const partnerWith = async (...scopes: Scope[]): Promise<string> => (await registry.approved(scopes)).id;

async function register(integrationId: string, manifest: string, caller = mariam): Promise<DocumentSet> {
  const args = { integrationId, name: 'Release', manifest, idempotencyKey: randomUUID() };
  const { documentSet, documents } = await registry.mutate<Registration>('registerDocumentSet', args, caller);
  if (documentSet === null) throw new Error(JSON.stringify(documents));
  return documentSet;
}
async function active(integrationId: string, text: string): Promise<string> {
  const { id } = await register(integrationId, text);
  await registry.mutate('approveDocumentSet', { id }, omar);
  expect(await registry.activate(id, omar)).toMatchObject({ status: 'ACTIVE', activatedAt: expect.any(Date) });
  return documentIdOf(text);
}
const find = async (integrationId: string, id: string): Promise<PersistedDocument> => {
  const found = await registry.query<PersistedDocument | null>('persistedDocument', { integrationId, id }, omar);
  if (found === null) throw new Error(`There is no ${id}.`);
  return found;
};
const audited = async (integrationId: string, action: string): Promise<(readonly [string, string | null])[]> => {
  const page = await registry.query<Connection<AuditEntry>>(
    'auditEntries',
    { filter: { integrationId, action }, first: 20 },
    omar,
  );
  return page.edges.map(({ node }) => [node.result, node.errorMessage] as const);
};
const alertsOf = (entityId: string) =>
  registry.sql`select kind, detail from integration.alerts where entity_id = ${entityId}`;
async function use(integrationId: string, documentId: string, at: Date): Promise<void> {
  const [token] = await registry.sql`
    insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment, scopes, created_by)
    select key, 't', ${randomUUID().slice(0, 10)}, ${randomUUID().replaceAll('-', '').padEnd(64, '0')}, 'p', 'sandbox',
      array['read:appointments'], 'm' from integration.integrations where id = ${integrationId} returning id`;
  await registry.control('POST /control/report', {
    batch_id: newId('req'),
    gateway_id: 'gw',
    refusals: [],
    compiled: [],
    uses: [
      {
        integration_id: integrationId,
        token_id: token?.id,
        operation: documentId,
        count: 3,
        last_used_at: at.toISOString(),
      },
    ],
  });
}
/** A gateway reports that one document compiles. */
async function compiled(integrationId: string, documentId: string): Promise<void> {
  await registry.control('POST /control/report', {
    batch_id: newId('req'),
    gateway_id: 'gw',
    refusals: [],
    uses: [],
    compiled: [{ document_id: documentId, integration_id: integrationId, ok: true, error: null }],
  });
}
const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000);

describe('approval', () => {
  test('is refused to everybody who handed the set in, and given by whoever did not', async () => {
    const integrationId = await partnerWith();
    const manifest = meQuery();
    const { id } = await register(integrationId, manifest, mariam);
    // Omar sends the very same: it is the same set, and now his too.
    expect((await register(integrationId, manifest, omar)).id).toBe(id);
    for (const submitter of [mariam, omar]) {
      await expect(registry.mutate('approveDocumentSet', { id }, submitter)).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
    }
    const third = { ...omar, subject: 'laila', name: 'laila' };
    expect(await registry.mutate('approveDocumentSet', { id }, third)).toMatchObject({ status: 'APPROVED' });
  });

  test('that two managers race for is given once', async () => {
    const integrationId = await partnerWith();
    const { id } = await register(integrationId, meQuery());
    const racers = Array.from({ length: 8 }, (_, at) => ({ ...omar, subject: `racer ${at}` }));
    const ends = await Promise.allSettled(racers.map((one) => registry.mutate('approveDocumentSet', { id }, one)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await audited(integrationId, 'document_set.approve')).filter(([result]) => result === 'OK')).toHaveLength(
      1,
    );
  });

  test('that was refused does not bar the same manifest: it is registered anew, as the next version', async () => {
    const integrationId = await partnerWith();
    const manifest = meQuery();
    const first = await register(integrationId, manifest);
    await registry.mutate('rejectDocumentSet', { id: first.id, reason: 'Not now.' }, omar);
    const second = await register(integrationId, manifest);
    expect(second).toMatchObject({ version: first.version + 1, status: 'PENDING_APPROVAL' });
    expect(second.id).not.toBe(first.id);
    await registry.mutate('approveDocumentSet', { id: second.id }, omar);
    expect(await registry.activate(second.id, omar)).toMatchObject({ status: 'ACTIVE' });
  });

  describe('by policy', () => {
    const SCOPES: Scope[] = ['read:appointments', 'read:patients', 'write:payments'];
    const withPolicy = async (): Promise<string> => {
      const draft = registration(`Partner ${randomUUID()}`, SCOPES, { documentPolicy: 'QUERIES' });
      const { id } = await registry.mutate<{ id: string }>('registerIntegration', draft, mariam);
      await registry.mutate('submitIntegration', { id }, mariam);
      await registry.mutate('approveIntegration', { id }, omar);
      return id;
    };
    const day = (name: string) => `query ${name} { appointments(first: 1) { edges { node { id } } } }`;
    const names = (name: string) =>
      `query ${name} { appointments(first: 1) { edges { node { patient { displayName } } } } }`;

    test('is given at once to queries inside approved scopes and classes of personal data', async () => {
      const id = await withPolicy();
      const set = await register(id, day(unique()));
      expect(set).toMatchObject({ status: 'APPROVED', approvedByPolicy: true, decidedBy: null });
      expect(await registry.activate(set.id, mariam)).toMatchObject({ status: 'ACTIVE' });
    });

    test('is not given to a new class of personal data, until a person has approved one', async () => {
      const id = await withPolicy();
      const set = await register(id, names(unique()));
      expect(set).toMatchObject({ status: 'PENDING_APPROVAL', approvedByPolicy: false });
      await registry.mutate('approveDocumentSet', { id: set.id }, omar);
      expect(await register(id, names(unique()))).toMatchObject({ status: 'APPROVED', approvedByPolicy: true });
    });

    test('is never given to a mutation', async () => {
      const id = await withPolicy();
      const text = `mutation ${unique()}($input: ConfirmPaymentInput!, $key: String!) {
        confirmPayment(input: $input, idempotencyKey: $key) { __typename } }`;
      expect(await register(id, text)).toMatchObject({ status: 'PENDING_APPROVAL', approvedByPolicy: false });
    });

    test('is part of what is approved with the integration: it does not change later', async () => {
      const { id } = await registry.approved(['read:appointments']);
      const change = { id, input: { documentPolicy: 'QUERIES' } };
      await expect(registry.mutate('updateIntegration', change, mariam)).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(
        registry.sql`update integration.integrations set document_policy = 'QUERIES' where id = ${id}`,
      ).rejects.toThrow('what was submitted does not change');
    });
  });
});

describe('activation', () => {
  test('waits for a gateway: until one has compiled the documents they are not callable', async () => {
    const integrationId = await partnerWith();
    const text = meQuery();
    const { id } = await register(integrationId, text);
    await registry.mutate('approveDocumentSet', { id }, omar);
    const asked = await registry.mutate<DocumentSet>('activateDocumentSet', { id }, omar);
    expect(asked).toMatchObject({ status: 'APPROVED', activatedAt: null, activationRequestedAt: expect.any(Date) });
    const hash = documentIdOf(text);
    const { documents } = await snapshotWhere(registry, (one) =>
      one.documents.some((document) => document.id === hash),
    );
    expect(documents.find((document) => document.id === hash)?.status).toBe('APPROVED');
    await compiled(integrationId, hash);
    expect(await find(integrationId, hash)).toMatchObject({ status: 'ACTIVE' });
  });

  test('that is asked for again keeps what gateways have reported meanwhile', async () => {
    const integrationId = await partnerWith();
    const [one, other] = [meQuery(), meQuery()];
    const { id } = await register(integrationId, JSON.stringify({ one, other }));
    await registry.mutate('approveDocumentSet', { id }, omar);
    await registry.mutate('activateDocumentSet', { id }, omar);
    await compiled(integrationId, documentIdOf(one));
    expect(await registry.mutate('activateDocumentSet', { id }, omar)).toMatchObject({ status: 'APPROVED' });
    await compiled(integrationId, documentIdOf(other));
    expect(await find(integrationId, documentIdOf(one))).toMatchObject({ status: 'ACTIVE' });
  });

  test('that a gateway cannot compile leaves the set APPROVED, raises an alert, and may be asked for again', async () => {
    const integrationId = await partnerWith();
    const { id } = await register(integrationId, meQuery());
    await registry.mutate('approveDocumentSet', { id }, omar);
    const failed = await registry.activate(id, omar, 'no plan');
    expect(failed).toMatchObject({ status: 'APPROVED', activationRequestedAt: null, activatedAt: null });
    expect(await alertsOf(id)).toMatchObject([
      { kind: 'document_set.not_activated', detail: expect.stringContaining('no plan') },
    ]);
    expect(await audited(integrationId, 'document_set.grant_activation')).toEqual([
      ['FAILED', expect.stringContaining('no plan')],
    ]);
    expect(await registry.activate(id, omar)).toMatchObject({ status: 'ACTIVE' });
  });

  test('of a text that runs already in an earlier set needs no further report', async () => {
    const integrationId = await partnerWith();
    const text = meQuery();
    await active(integrationId, text);
    const { id } = await register(integrationId, JSON.stringify({ again: text }));
    await registry.mutate('approveDocumentSet', { id }, omar);
    expect(await registry.mutate('activateDocumentSet', { id }, omar)).toMatchObject({ status: 'ACTIVE' });
  });
});

describe('the end of a document', () => {
  test('is announced by its deprecation, which changes nothing for callers', async () => {
    const integrationId = await partnerWith();
    const id = await active(integrationId, meQuery());
    expect(await registry.mutate('deprecateDocument', { integrationId, id }, omar)).toMatchObject({
      status: 'DEPRECATED',
    });
    const { documents } = await snapshotWhere(registry, (one) =>
      one.documents.some((document) => document.id === id && document.status === 'DEPRECATED'),
    );
    expect(documents.find((document) => document.id === id)?.integration_id).toBe(integrationId);
    await expect(registry.mutate('deprecateDocument', { integrationId, id }, omar)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  test('is refused while it was called within seven days, unless forced, and both are audited', async () => {
    const integrationId = await partnerWith('read:appointments');
    const id = await active(integrationId, meQuery());
    await use(integrationId, id, daysAgo(6.9));
    const retire = (force: boolean) =>
      registry.mutate('retireDocument', { integrationId, id, reason: 'Old.', force }, omar);
    await expect(retire(false)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await find(integrationId, id)).status).toBe('ACTIVE');
    expect(await retire(true)).toMatchObject({ status: 'RETIRED', retiredReason: 'Old.' });
    expect((await audited(integrationId, 'document.retire')).map(([result]) => result)).toEqual(['OK', 'REJECTED']);
    expect((await audited(integrationId, 'document.force_retirement')).map(([result]) => result)).toEqual(['OK']);
  });

  test('comes without force once nobody has called it for seven days, and is final', async () => {
    const integrationId = await partnerWith('read:appointments');
    const id = await active(integrationId, meQuery());
    await use(integrationId, id, daysAgo(7.1));
    const args = { integrationId, id, reason: 'Nobody calls it.' };
    expect(await registry.mutate('retireDocument', args, omar)).toMatchObject({ status: 'RETIRED' });
    await expect(registry.mutate('retireDocument', args, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    await snapshotWhere(registry, (one) =>
      one.documents.some((document) => document.id === id && document.status === 'RETIRED'),
    );
    const [set] = await registry.sql`select s.status from integration.document_sets s
      join integration.documents d on d.document_set_key = s.key where d.hash = ${id}`;
    expect(set?.status).toBe('RETIRED');
  });

  test('is the business of its own integration: another one has no such document', async () => {
    const [integrationId, other] = [await partnerWith(), await partnerWith()];
    const id = await active(integrationId, meQuery());
    for (const [field, more] of [
      ['deprecateDocument', {}],
      ['retireDocument', { reason: 'No.' }],
    ] as const) {
      await expect(registry.mutate(field, { integrationId: other, id, ...more }, omar)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    }
  });

  test('comes into view when nobody calls it any more', async () => {
    const integrationId = await partnerWith('read:appointments');
    const [stale, fresh] = [await active(integrationId, meQuery()), await active(integrationId, meQuery())];
    await registry.sql`update integration.document_sets set activated_at = now() - interval '40 days'
      where status = 'ACTIVE' and integration_key = (select key from integration.integrations where id = ${integrationId})`;
    await use(integrationId, stale, daysAgo(31));
    await use(integrationId, fresh, daysAgo(29));
    const page = await registry.query<Connection<PersistedDocument>>(
      'persistedDocuments',
      { filter: { integrationId, unusedForDays: 30 }, first: 10 },
      omar,
    );
    expect(page.edges.map(({ node }) => node.id)).toEqual([stale]);
  });
});

describe('a document that a gateway goes on without', () => {
  test('is BROKEN: told to gateways, managers and the audit log, and may be registered anew', async () => {
    const integrationId = await partnerWith();
    const text = meQuery();
    const id = await active(integrationId, text);
    const documents = [{ document_id: id, integration_id: integrationId, reasons: ['Me.name: may now be null.'] }];
    expect(await registry.control('POST /control/broken', { documents })).toEqual({ broken: 1 });
    expect(await registry.control('POST /control/broken', { documents })).toEqual({ broken: 0 });
    await snapshotWhere(registry, (one) =>
      one.documents.some((document) => document.id === id && document.status === 'BROKEN'),
    );
    const page = await registry.query<Connection<PersistedDocument>>('brokenDocuments', { first: 10 }, omar);
    expect(page.edges.map(({ node }) => [node.id, node.brokenBecause])).toContainEqual([
      id,
      ['Me.name: may now be null.'],
    ]);
    expect(await alertsOf(id)).toMatchObject([{ kind: 'document.broken' }]);
    expect((await audited(integrationId, 'document.break')).map(([result]) => result)).toEqual(['FAILED']);
    expect(await active(integrationId, text)).toBe(id);
  });
});

test('whoever approves is told what a document reaches for the first time', async () => {
  const integrationId = await partnerWith('read:appointments', 'read:patients');
  await active(integrationId, `query ${unique()} { appointments(first: 1) { edges { node { id startsAt } } } }`);
  const text = `query ${unique()} { appointments(first: 1) { edges { node { startsAt patient { displayName } } } } }`;
  await register(integrationId, text);
  const document = await find(integrationId, documentIdOf(text));
  const summary = registry.resolver('PersistedDocument', 'summary');
  expect(await summary(document as never, {} as never, registry.contextOf(omar), {} as never)).toBe(
    'reads Patient.displayName [identity]; cost 3, lists up to 1, depth 5; needs read:appointments and read:patients; ' +
      'new since version 1: read:patients, Appointment.patient, Patient.displayName',
  );
});

test('500 documents are registered and analysed in a few seconds at most', async () => {
  const integrationId = await partnerWith('read:appointments', 'read:visits', 'read:patients');
  const text = (at: number) => `query Bulk${at}($first: Int!, $after: String) {
    appointments(first: $first, after: $after) { edges { node { ...Row id } } pageInfo { hasNextPage endCursor } } }
    fragment Row on Appointment { status startsAt endsAt provider { id name } patient { id displayName phoneMasked }
      visit { id status completedAt procedures { id } } }`;
  const manifest = JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`k${at}`, text(at)])));
  const begun = performance.now();
  const { id } = await register(integrationId, manifest);
  const seconds = (performance.now() - begun) / 1_000;
  const [stored] = await registry.sql`select count(*)::int as count from integration.documents d
    join integration.document_sets s on s.key = d.document_set_key where s.id = ${id}`;
  expect(stored?.count).toBe(500);
  console.info(`500 documents in ${seconds.toFixed(2)} s`);
  // A bound against the absurd only: other suites run beside it and the time is theirs too.
  expect(seconds).toBeLessThan(30);
}, 60_000);
