import { randomUUID } from 'node:crypto';
import type { AuditEntry, Integration, Registration } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import type { Scope } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariam, omar, type Registry, registration, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry({ singleManager: true });
});
afterAll(() => registry.stop());

async function submitted(scopes: readonly Scope[] = ['read:appointments', 'write:payments']): Promise<string> {
  const request = registration(`Partner ${randomUUID()}`, scopes);
  const { id } = await registry.mutate<Integration>('registerIntegration', request, mariam);
  await registry.mutate('submitIntegration', { id }, mariam);
  return id;
}
const approve = (id: string, note?: string) => registry.mutate<Integration>('approveIntegration', { id, note }, mariam);
const alertsOf = async (entityId: string): Promise<readonly string[]> => {
  const filter = { entityId };
  const page = await registry.query<Connection<{ kind: string }>>('alerts', { filter, first: 10 }, mariam);
  return page.edges.map(({ node }) => node.kind);
};

describe('in a clinic with one manager', () => {
  test('that it is one is audited at the start, and the managers are alerted', async () => {
    const filter = { entityId: 'SINGLE_MANAGER=true' };
    const page = await registry.query<Connection<AuditEntry>>('auditEntries', { filter, first: 10 }, mariam);
    expect(page.edges.map(({ node }) => node)).toMatchObject([
      { action: 'setting.apply', actor: 'system integration.start', result: 'OK' },
    ]);
    expect(await alertsOf('SINGLE_MANAGER')).toEqual(['single_manager.enabled']);
    expect(await registry.query('systemHealth', {}, mariam)).toMatchObject({ singleManager: true });
  });

  test('the same person approves 24 hours later, with a typed reason, and that raises an alert', async () => {
    const id = await submitted();
    await expect(approve(id, 'I have slept on it.')).rejects.toMatchObject({ code: 'CONFLICT' });
    await registry.ageRequests(id, '23 hours 59 minutes');
    await expect(approve(id, 'I have slept on it.')).rejects.toMatchObject({ code: 'CONFLICT' });
    await registry.ageRequests(id, '1 minute');
    await expect(approve(id)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { errors: [{ pointer: '/note' }] },
    });
    expect(await alertsOf(id)).toEqual([]);
    expect(await approve(id, 'I have slept on it.')).toMatchObject({
      status: 'ACTIVE',
      approvedScopes: ['read:appointments', 'write:payments'],
    });
    expect(await alertsOf(id)).toEqual(['single_manager.approved']);
  });

  test('a clock that is put forward in our process does not shorten the delay', async () => {
    const id = await submitted();
    registry.setClock(() => new Date(Date.now() + 25 * 3_600_000));
    await expect(approve(id, 'Now.')).rejects.toThrow();
    registry.setClock(() => new Date());
    const [row] = await registry.sql`select status from integration.integrations where id = ${id}`;
    expect(row).toEqual({ status: 'SUBMITTED' });
  });

  test('a scope that is asked for later waits as long', async () => {
    const id = await submitted();
    await registry.ageRequests(id, '24 hours');
    await approve(id, 'Fine.');
    const input = {
      integrationId: id,
      scope: 'read:financials',
      justification: 'Amounts.',
      expiresAt: new Date(Date.now() + 86_400_000 * 9),
    };
    const args = { input, idempotencyKey: randomUUID() };
    const request = await registry.mutate<{ id: string }>('requestScope', args, mariam);
    const decide = () => registry.mutate('approveScope', { id: request.id, note: 'Needed for the books.' }, mariam);
    await expect(decide()).rejects.toMatchObject({ code: 'CONFLICT' });
    await registry.ageRequests(id, '24 hours');
    expect(await decide()).toMatchObject({ status: 'APPROVED', singleManager: true });
    expect(await alertsOf(request.id)).toEqual(['single_manager.approved']);
  });

  test('a set of documents waits as long, and its delay is counted by the database', async () => {
    const integrationId = await submitted();
    await registry.ageRequests(integrationId, '24 hours');
    await approve(integrationId, 'Fine.');
    const manifest = `query Q${randomUUID().replaceAll('-', '')} { me { name } }`;
    const args = { integrationId, name: 'Release', manifest, idempotencyKey: randomUUID() };
    const { documentSet } = await registry.mutate<Registration>('registerDocumentSet', args, mariam);
    const id = documentSet?.id ?? '';
    const decide = () => registry.mutate('approveDocumentSet', { id, note: 'I have read it again.' }, mariam);
    await expect(decide()).rejects.toMatchObject({ code: 'CONFLICT' });
    registry.setClock(() => new Date(Date.now() + 25 * 3_600_000));
    await expect(decide()).rejects.toThrow();
    registry.setClock(() => new Date());
    await expect(
      registry.sql`update integration.document_sets set status = 'APPROVED', single_manager = true,
        decided_by = registered_by, decided_at = now() + interval '25 hours', decision_reason = 'Now.' where id = ${id}`,
    ).rejects.toMatchObject({ constraint_name: 'set_approved_by_another' });
    await registry.ageRequests(integrationId, '24 hours');
    expect(await decide()).toMatchObject({ status: 'APPROVED' });
    const [asked] =
      await registry.sql`select id, single_manager from integration.approvals where document_set_id = ${id}`;
    expect(asked?.single_manager).toBe(true);
    expect(await alertsOf(asked?.id)).toEqual(['single_manager.approved']);
  });

  test('the URL of an endpoint waits as long, by the clock of the database, and another URL waits anew', async () => {
    const integrationId = await submitted(['webhook:receive', 'read:appointments']);
    await registry.ageRequests(integrationId, '24 hours');
    await approve(integrationId, 'Fine.');
    const input = { integrationId, name: 'Calendar', url: 'https://a.test/', eventTypes: ['appointment.completed'] };
    const args = { input, idempotencyKey: randomUUID() };
    const { endpoint } = await registry.mutate<{ endpoint: { id: string; createdBy: string } }>(
      'createWebhookEndpoint',
      args,
      mariam,
    );
    const decide = (version: number) =>
      registry.mutate('approveWebhookEndpoint', { id: endpoint.id, version, note: 'It is our own host.' }, mariam);
    await expect(decide(1)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(
      registry.sql`update integration.webhook_endpoints set url_set_at = now() - interval '25 hours',
        approved_by = created_by, approval_note = 'Now.' where id = ${endpoint.id}`,
    ).rejects.toMatchObject({ constraint_name: 'url_approved_by_another' });
    await registry.ageRequests(integrationId, '24 hours');
    expect(await decide(1)).toMatchObject({ approvedBy: endpoint.createdBy, approvalNote: 'It is our own host.' });
    expect(await alertsOf(endpoint.id)).toEqual(['single_manager.approved']);

    const change = { id: endpoint.id, version: 2, input: { url: 'https://b.test/' } };
    expect(await registry.mutate('updateWebhookEndpoint', change, mariam)).toMatchObject({ approvedBy: null });
    await expect(decide(3)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('a second manager, should there be one, approves at once and without an alert', async () => {
    const id = await submitted();
    expect(await registry.mutate('approveIntegration', { id }, omar)).toMatchObject({ status: 'ACTIVE' });
    expect(await alertsOf(id)).toEqual([]);
  });
});
