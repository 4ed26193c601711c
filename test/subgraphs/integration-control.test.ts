import { randomUUID } from 'node:crypto';
import { type AuditEntry, documentIdOf, type IssuedToken, type Registration } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import type { ControlReport } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { mariam, omar, type Registry, readSnapshots, snapshotWhere, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const report = (change: Partial<ControlReport>): ControlReport => ({
  batch_id: randomUUID(),
  gateway_id: 'gw-test',
  refusals: [],
  uses: [],
  compiled: [],
  requests: [],
  ...change,
});
const issued = async (integrationId: string): Promise<IssuedToken> =>
  registry.mutate(
    'issueToken',
    { input: { integrationId, name: 'Token', scopes: ['read:appointments'] }, idempotencyKey: randomUUID() },
    mariam,
  );

describe('the control stream', () => {
  test('gives a whole signed snapshot at once, heartbeats when nothing happens, and ends with its reader', async () => {
    const stop = new AbortController();
    const lines = registry.control('GET /control/stream', null, stop.signal) as AsyncGenerator<unknown>;
    expect((await lines.next()).value).toMatchObject({ payload: expect.any(String), key_id: 'k1' });
    const startedAt = performance.now();
    let line = await lines.next();
    while (!('heartbeat' in (line.value as object))) line = await lines.next();
    expect(performance.now() - startedAt).toBeLessThan(17_500);
    stop.abort();
    expect((await lines.next()).done).toBe(true);
  });

  test('tells of a pause within a second, with a higher generation', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const before = await snapshotWhere(registry, ({ integrations }) => integrations.some((one) => one.id === id));
    const told = snapshotWhere(
      registry,
      ({ integrations }) => integrations.some((one) => one.id === id && one.status === 'PAUSED'),
      1_000,
    );
    await registry.mutate('pauseIntegration', { id, reason: 'Odd.' }, omar);
    expect((await told).generation).toBeGreaterThan(before.generation);
  });

  test('names nothing of drafts, and never a secret', async () => {
    const draft = await registry.mutate<{ id: string }>('registerIntegration', registry.draft(), mariam);
    const { id } = await registry.approved(['read:appointments']);
    const { secret } = await issued(id);
    const snapshot = await snapshotWhere(registry, ({ tokens }) => tokens.some((one) => one.integration_id === id));
    const text = JSON.stringify(snapshot);
    expect(text).not.toContain(draft.id);
    expect(text).not.toContain(secret?.slice(-38));
  });

  test('puts many changes into few snapshots and misses none', async () => {
    const partners = await Promise.all(Array.from({ length: 8 }, () => registry.approved(['read:appointments'])));
    const stop = new AbortController();
    let snapshots = 0;
    const paused = new Set<string>();
    const reading = (async () => {
      for await (const snapshot of readSnapshots(registry, stop.signal)) {
        snapshots += 1;
        for (const one of snapshot.integrations) if (one.status === 'PAUSED') paused.add(one.id);
        if (partners.every(({ id }) => paused.has(id))) return;
      }
    })();
    await Promise.all(partners.map(({ id }) => registry.mutate('pauseIntegration', { id, reason: 'All.' }, omar)));
    await reading;
    stop.abort();
    expect(snapshots).toBeLessThanOrEqual(partners.length + 2);
  });

  test('survives the loss of its connection to the database', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const killed = await registry.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'bridgework integration control'`;
    expect(killed.length).toBe(1);
    await registry.mutate('pauseIntegration', { id, reason: 'Odd.' }, omar);
    await snapshotWhere(
      registry,
      ({ integrations }) => integrations.some((one) => one.id === id && one.status === 'PAUSED'),
      1_500,
    );
    await eventually(async () => {
      const [row] = await registry.sql`
        select count(*)::int as count from pg_stat_activity
        where datname = current_database() and application_name = 'bridgework integration control'`;
      return row?.count === 1;
    });
  });

  test('says that a review is overdue when 14 days have passed since its day, without any change', async () => {
    const { id, reviewDueOn } = await registry.approved(['read:appointments']);
    const overdue = async () =>
      (
        await snapshotWhere(registry, ({ integrations }) => integrations.some((one) => one.id === id))
      ).integrations.find((one) => one.id === id)?.review_overdue;
    const dueAt = Date.parse(`${reviewDueOn}T00:00:01Z`);
    const issuedAfter = (instant: number) =>
      snapshotWhere(registry, ({ issued_at }) => Date.parse(issued_at) >= instant);
    registry.setClock(() => new Date(dueAt + 14 * 86_400_000));
    await issuedAfter(dueAt + 14 * 86_400_000);
    expect(await overdue()).toBe(false);
    registry.setClock(() => new Date(dueAt + 15 * 86_400_000));
    await eventually(overdue);
    registry.setClock(() => new Date());
  });

  test('takes a sensitive scope from its tokens at the instant its approval ends, and from those withdrawn at once', async () => {
    const { id } = await registry.approved(['read:appointments', 'read:financials', 'write:payments']);
    const endsAt = new Date(Date.now() + 40 * 86_400_000);
    await registry.sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update integration.approvals a set expires_at = ${endsAt} from integration.integrations i
        where i.key = a.integration_key and i.id = ${id} and a.scope = 'read:financials'`;
    });
    const input = {
      integrationId: id,
      name: 'Both',
      scopes: ['read:appointments', 'read:financials', 'write:payments'],
    };
    const { token } = await registry.mutate<IssuedToken>(
      'issueToken',
      { input: { ...input, expiresAt: new Date(Date.now() + 30 * 86_400_000) }, idempotencyKey: randomUUID() },
      mariam,
    );
    const told = async (wanted: readonly string[]) => {
      const snapshot = await snapshotWhere(registry, ({ tokens }) =>
        tokens.some((one) => one.id === token.id && one.scopes.join(' ') === wanted.join(' ')),
      );
      return snapshot.tokens.find((one) => one.id === token.id);
    };
    expect((await told(input.scopes))?.expires_at).toBe(token.expiresAt?.toISOString());
    await registry.mutate('withdrawScope', { integrationId: id, scope: 'write:payments', reason: 'Enough.' }, omar);
    await told(['read:appointments', 'read:financials']);
    // The approval ends before the token: a gateway that hears nothing more takes the token for expired then.
    const sooner = new Date(Date.now() + 10 * 86_400_000);
    await registry.sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update integration.approvals a set expires_at = ${sooner} from integration.integrations i
        where i.key = a.integration_key and i.id = ${id} and a.scope = 'read:financials'`;
    });
    await registry.mutate('registerIntegration', registry.draft(), mariam);
    await snapshotWhere(registry, ({ tokens }) =>
      tokens.some((one) => one.id === token.id && one.expires_at === sooner.toISOString()),
    );
    registry.setClock(() => new Date(sooner.getTime() + 1_000));
    expect((await told(['read:appointments']))?.expires_at).toBe(token.expiresAt?.toISOString());
    registry.setClock(() => new Date());
  });
});

describe('a report of a gateway', () => {
  test('is applied once, however often it comes: refusals to the audit log, uses to the counters', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const { token } = await issued(id);
    const text = 'query Mine { me { name } }';
    const args = { integrationId: id, name: 'R1', manifest: text, idempotencyKey: randomUUID() };
    const { documentSet } = await registry.mutate<Registration>('registerDocumentSet', args, mariam);
    await registry.mutate('approveDocumentSet', { id: documentSet?.id }, omar);
    await registry.activate(documentSet?.id ?? '', omar);
    const request_id = `req_${randomUUID()}`;
    const used = { integration_id: id, token_id: token.id, last_used_at: '2025-03-01T09:00:00.000Z' };
    const batch = report({
      refusals: [
        {
          integration_id: id,
          actor: `token ${token.id}`,
          action: 'document.execute',
          entity: 'document',
          entity_id: documentIdOf(text),
          code: 'INSUFFICIENT_SCOPE',
          message: 'The token lacks a required scope.',
          request_id,
          occurred_at: '2025-03-01T09:00:00.000Z',
          count: 3,
        },
      ],
      uses: [
        { ...used, operation: documentIdOf(text), count: 4 },
        { ...used, operation: 'ListAppointmentsV1', count: 2 },
        { ...used, token_id: 'tok_gone', operation: 'ListAppointmentsV1', count: 9 },
      ],
      compiled: [{ document_id: documentIdOf(text), integration_id: id, ok: true, error: null }],
    });
    await Promise.all([
      registry.control('POST /control/report', batch),
      registry.control('POST /control/report', batch),
    ]);
    await registry.control('POST /control/report', batch);
    await registry.control(
      'POST /control/report',
      report({ uses: [{ ...used, operation: 'ListAppointmentsV1', count: 1 }] }),
    );

    const page = await registry.query<Connection<AuditEntry>>(
      'auditEntries',
      { filter: { requestId: request_id }, first: 10 },
      omar,
    );
    expect(page.edges.map(({ node }) => node)).toMatchObject([
      {
        integrationId: id,
        actor: `token ${token.id}`,
        action: 'document.execute',
        entity: 'document',
        entityId: documentIdOf(text),
        result: 'DENIED',
        errorMessage: 'INSUFFICIENT_SCOPE: The token lacks a required scope.',
        count: 3,
      },
    ]);
    const observed = await registry.query<Connection<{ operation: string; count: number }>>(
      'observedOperations',
      { integrationId: id, first: 10 },
      omar,
    );
    expect(new Map(observed.edges.map(({ node }) => [node.operation, node.count]))).toEqual(
      new Map([
        [documentIdOf(text), 4],
        ['ListAppointmentsV1', 3],
      ]),
    );
    const ctx = registry.contextOf(omar);
    const document = await registry.query('persistedDocument', { integrationId: id, id: documentIdOf(text) }, omar);
    const lastUse = registry.resolver('PersistedDocument', 'lastUsedAt');
    expect(await lastUse(document as never, {}, ctx, {} as never)).toEqual(new Date(used.last_used_at));
    const tokenUse = registry.resolver('IntegrationToken', 'lastUsedAt');
    expect(await tokenUse(token as never, {}, ctx, {} as never)).toEqual(new Date(used.last_used_at));
  });

  test('files a refusal under the instant at which it happened, never in the future, and the log stays whole', async () => {
    const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
    const refusal = (request_id: string, occurred_at: string) => ({
      integration_id: null,
      actor: 'source 192.0.2.1',
      action: 'request.refuse',
      entity: 'token',
      entity_id: null,
      code: 'INVALID_TOKEN',
      message: 'unknown token',
      request_id,
      occurred_at,
      count: 1,
    });
    const happenedAt = minutesAgo(30);
    const [late, early] = [`req_${randomUUID()}`, `req_${randomUUID()}`];
    const refusals = [refusal(late, happenedAt), refusal(early, minutesAgo(-30))];
    await registry.sql`select audit.seal(100000)`;
    await registry.control('POST /control/report', report({ refusals }));
    const instantOf = async (requestId: string) => {
      const page = await registry.query<Connection<AuditEntry>>(
        'auditEntries',
        { filter: { requestId }, first: 10 },
        omar,
      );
      return page.edges[0]?.node.timestamp;
    };
    expect(await instantOf(late)).toEqual(new Date(happenedAt));
    expect((await instantOf(early))?.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
    // It has waited for its seal since it was written, not since it happened.
    expect(await registry.query('verifyAuditLog', {}, omar)).toMatchObject({ firstFault: null, unsealedCount: 0 });
  });

  test('of uses alone does not make gateways read everything again', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const { token } = await issued(id);
    const generation = async () =>
      (await registry.sql`select generation from integration.control_state`)[0]?.generation as string;
    const before = await generation();
    const use = {
      integration_id: id,
      token_id: token.id,
      operation: 'X',
      count: 1,
      last_used_at: '2025-03-01T09:00:00Z',
    };
    await registry.control('POST /control/report', report({ uses: [use] }));
    expect(await generation()).toBe(before);
  });

  test('that does not match the contract is refused whole', async () => {
    await expect(registry.control('POST /control/report', { batch_id: 'x' })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    });
  });
});
