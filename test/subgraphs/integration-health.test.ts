import { randomUUID } from 'node:crypto';
import { documentIdOf, type Integration, type IssuedToken, type Registration } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import {
  manager,
  mariam,
  omar,
  type Registry,
  registration,
  snapshotWhere,
  startRegistry,
} from '../support/registry.ts';

interface Alert {
  readonly id: string;
  readonly kind: string;
  readonly acknowledgedBy: string | null;
}

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const raise = (kind: string, entityId: string) =>
  registry.sql`select integration.raise_alert(${kind}, 'integration', ${entityId}, 'Look at it.', interval '1 hour')`;
const alerts = async (filter: object, first = 100, after?: string) =>
  registry.query<Connection<Alert>>('alerts', { filter, first, after }, omar);

describe('an alert', () => {
  test('is shown, newest first and page by page, and acknowledged once, by whoever was first', async () => {
    const entityId = (await registry.approved(['read:appointments'])).id;
    for (const kind of ['a.happened', 'b.happened', 'c.happened']) await raise(kind, entityId);
    const first = await alerts({ entityId }, 2);
    const second = await alerts({ entityId }, 2, first.pageInfo.endCursor ?? '');
    const kinds = [...first.edges, ...second.edges].map(({ node }) => node.kind);
    expect(kinds.toSorted()).toEqual(['a.happened', 'b.happened', 'c.happened']);
    const id = first.edges[0]?.node.id ?? '';
    const managers = [mariam, omar, manager('layla')];
    const seen = await Promise.all(managers.map((who) => registry.mutate<Alert>('acknowledgeAlert', { id }, who)));
    expect(new Set(seen.map(({ acknowledgedBy }) => acknowledgedBy)).size).toBe(1);
    expect((await alerts({ entityId, acknowledged: true })).edges).toHaveLength(1);
    expect((await alerts({ entityId, acknowledged: false })).edges).toHaveLength(2);
    await expect(registry.mutate('acknowledgeAlert', { id: 'alr_x' }, omar)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('the emergency brake', () => {
  test('stops every integration within a second, tells the managers, and is let go again', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const paused = (status: string) =>
      snapshotWhere(
        registry,
        ({ integrations }) => integrations.some((one) => one.id === id && one.status === status),
        1_000,
      );
    await paused('ACTIVE');
    const outcomes = await Promise.allSettled(
      [mariam, omar].map((who) => registry.mutate('pauseAllIntegrations', { reason: 'Something leaks.' }, who)),
    );
    await paused('PAUSED');
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const health = await registry.query('systemHealth', {}, omar);
    expect(health).toMatchObject({
      allIntegrationsPausedAt: expect.any(Date),
      allIntegrationsPausedBy: expect.stringMatching(/#(mariam|omar)$/),
      allIntegrationsPausedReason: 'Something leaks.',
    });
    expect((await alerts({ kind: 'integration.all_paused' })).edges).toHaveLength(1);
    await registry.mutate('resumeAllIntegrations', {}, mariam);
    await paused('ACTIVE');
    await expect(registry.mutate('resumeAllIntegrations', {}, mariam)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await registry.query('systemHealth', {}, omar)).toMatchObject({ allIntegrationsPausedAt: null });
  });
});

test('the health of the system counts what waits, and names the gateways that follow', async () => {
  const before = await registry.query<Record<string, number>>('systemHealth', {}, omar);
  const request = registration(`Partner ${randomUUID()}`, ['write:payments']);
  const { id } = await registry.mutate<Integration>('registerIntegration', request, mariam);
  await registry.mutate('submitIntegration', { id }, mariam);
  await raise('x.happened', id);
  const leave = new AbortController();
  const stream = registry.control('GET /control/stream', null, leave.signal) as AsyncIterable<unknown>;
  const after = await registry.query<Record<string, number>>('systemHealth', {}, omar);
  expect(after).toMatchObject({
    environment: 'SANDBOX',
    singleManager: false,
    requestsPending: (before.requestsPending ?? 0) + 2,
    alertsOpen: (before.alertsOpen ?? 0) + 1,
    gateways: ['gw-test'],
  });
  expect(after.generation).toBeGreaterThan(before.generation ?? 0);
  expect(stream).toBeDefined();
  leave.abort();
  await eventually(async () => {
    const { gateways } = await registry.query<{ gateways: readonly string[] }>('systemHealth', {}, omar);
    return gateways.length === 0;
  });
});

test('what an integration declared stands beside what it was seen to use', async () => {
  const request = registration(`Partner ${randomUUID()}`, ['read:appointments', 'webhook:receive'], {
    declaredApis: ['REST', 'WEBHOOKS'],
    declaredEvents: ['appointment.created'],
  });
  const { id } = await registry.mutate<Integration>('registerIntegration', request, mariam);
  await registry.mutate('submitIntegration', { id }, mariam);
  await registry.mutate('approveIntegration', { id }, omar);
  const uses = async () => {
    const integration = await registry.query('integration', { id }, omar);
    const resolve = registry.resolver('Integration', 'uses');
    return resolve(integration as never, {}, registry.contextOf(omar), {} as never);
  };
  const use = (kind: string, name: string, declared: boolean, observed: boolean) => ({
    kind,
    name,
    declared,
    observed,
  });
  expect(await uses()).toMatchObject([
    use('API', 'REST', true, false),
    use('API', 'WEBHOOKS', true, false),
    use('EVENT', 'appointment.created', true, false),
  ]);
  const input = { integrationId: id, name: 'T', scopes: ['read:appointments'] };
  const { token } = await registry.mutate<IssuedToken>('issueToken', { input, idempotencyKey: randomUUID() }, mariam);
  const text = 'query Mine { me { name } }';
  const set = { integrationId: id, name: 'R1', manifest: text, idempotencyKey: randomUUID() };
  await registry.mutate<Registration>('registerDocumentSet', set, mariam);
  const used = { integration_id: id, token_id: token.id, count: 1, last_used_at: '2026-03-01T09:00:00.000Z' };
  const batch = { batch_id: randomUUID(), gateway_id: 'gw-test', refusals: [], compiled: [] };
  const operations = [documentIdOf(text), 'AppointmentsV1'];
  await registry.control('POST /control/report', {
    ...batch,
    uses: operations.map((operation) => ({ ...used, operation })),
  });
  const endpoint = { integrationId: id, name: 'Feed', eventTypes: ['appointment.updated'] };
  await registry.mutate('createWebhookEndpoint', { input: endpoint, idempotencyKey: randomUUID() }, mariam);
  const lastUsedAt = new Date(used.last_used_at);
  expect(await uses()).toMatchObject([
    { ...use('API', 'REST', true, true), lastUsedAt },
    use('API', 'WEBHOOKS', true, true),
    use('EVENT', 'appointment.created', true, false),
    { ...use('API', 'GRAPHQL', false, true), lastUsedAt },
    use('EVENT', 'appointment.updated', false, true),
  ]);
});

describe('a review', () => {
  const overdue = async () => {
    const { id } = await registry.approved(['read:appointments']);
    await registry.sql`update integration.integrations set review_due_on = current_date - 20 where id = ${id}`;
    return id;
  };

  test('that was missed keeps the integration paused until it is completed, and is then due its interval from today', async () => {
    const id = await overdue();
    await registry.sql`select integration.check_reviews(current_date)`;
    await expect(registry.mutate('resumeIntegration', { id }, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    const reviewed = await registry.mutate<Integration>(
      'completeIntegrationReview',
      { id, note: 'Still needed; nothing odd.' },
      omar,
    );
    expect(reviewed).toMatchObject({
      status: 'ACTIVE',
      statusReason: null,
      reviewedBy: expect.stringMatching(/#omar$/),
      reviewNote: 'Still needed; nothing odd.',
    });
    const months = (Date.parse(reviewed.reviewDueOn ?? '') - Date.now()) / 86_400_000 / 30.4;
    expect(Math.round(months)).toBe(6);
  });

  test('does not let go on what somebody paused for another reason', async () => {
    const id = await overdue();
    await registry.mutate('pauseIntegration', { id, reason: 'Odd traffic.' }, omar);
    const reviewed = await registry.mutate('completeIntegrationReview', { id, note: 'Fine.' }, omar);
    expect(reviewed).toMatchObject({ status: 'PAUSED', statusReason: 'Odd traffic.' });
    expect(await registry.mutate('resumeIntegration', { id }, omar)).toMatchObject({ status: 'ACTIVE' });
  });
});

describe('the end of an integration', () => {
  test('revokes its tokens within a second, each with its audit row, and is final', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const issue = async () => {
      const input = { integrationId: id, name: 'T', scopes: ['read:appointments'] };
      const args = { input, idempotencyKey: randomUUID() };
      return (await registry.mutate<IssuedToken>('issueToken', args, mariam)).token.id;
    };
    const ids = [await issue(), await issue()];
    const ended = await registry.mutate('deprecateIntegration', { id, reason: 'Replaced by another.' }, omar);
    expect(ended).toMatchObject({ status: 'DEPRECATED', statusReason: 'Replaced by another.' });
    await snapshotWhere(
      registry,
      ({ tokens }) => ids.every((one) => tokens.some((token) => token.id === one && token.status === 'REVOKED')),
      1_000,
    );
    const rows = await registry.sql`select entity_id from audit.entries
      where integration_id = ${id} and action = 'token.revoke' and result = 'OK'`;
    expect(rows.map(({ entity_id }) => entity_id).toSorted()).toEqual(ids.toSorted());
    for (const [mutation, args] of [
      ['resumeIntegration', { id }],
      ['pauseIntegration', { id, reason: 'x' }],
      ['deprecateIntegration', { id, reason: 'x' }],
      ['completeIntegrationReview', { id, note: 'x' }],
    ] as const) {
      await expect(registry.mutate(mutation, args, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    }
  });
});
