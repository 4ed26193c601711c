import { randomUUID } from 'node:crypto';
import type { AuditEntry, Integration, IssuedToken } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import type { UserCaller } from '@bridgework/kernel/context';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manager, mariam, omar, type Registry, registration, startRegistry } from '../support/registry.ts';

interface Approval {
  readonly id: string;
  readonly status: string;
}

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);
const ask = (integrationId: string, scope = 'write:payments', change: object = {}, who = mariam): Promise<Approval> => {
  const input = { integrationId, scope, justification: 'The terminal pays.', expiresAt: inDays(90), ...change };
  return registry.mutate('requestScope', { input, idempotencyKey: randomUUID() }, who);
};
const approve = (id: string, who: UserCaller, note?: string) => registry.mutate('approveScope', { id, note }, who);
const integrationOf = async (id: string) => (await registry.query('integration', { id }, omar)) as Integration;
const issue = (integrationId: string, scope: string): Promise<IssuedToken> =>
  registry.mutate(
    'issueToken',
    { input: { integrationId, name: 'T', scopes: [scope], expiresAt: inDays(30) }, idempotencyKey: randomUUID() },
    mariam,
  );
async function audited(filter: object): Promise<readonly string[]> {
  const page = await registry.query<Connection<AuditEntry>>('auditEntries', { filter, first: 100 }, omar);
  return page.edges.map(({ node }) => `${node.action} ${node.result}`).reverse();
}

describe('a scope that is asked for after the approval', () => {
  test('works only once another manager has granted it, until its end', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const request = await ask(id);
    expect(request).toMatchObject({ status: 'PENDING', scope: 'write:payments', requestedBy: expect.any(String) });
    await expect(issue(id, 'write:payments')).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    await expect(approve(request.id, mariam)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await integrationOf(id)).approvedScopes).toEqual(['read:appointments']);
    expect(await approve(request.id, omar, 'Fine.')).toMatchObject({ status: 'APPROVED', singleManager: false });
    expect((await integrationOf(id)).approvedScopes).toEqual(['read:appointments', 'write:payments']);
    expect((await issue(id, 'write:payments')).token.scopes).toEqual(['write:payments']);
    expect(await audited({ entityId: request.id })).toEqual([
      'scope.request OK',
      'scope.approve DENIED',
      'scope.approve OK',
    ]);
  });

  test('is granted once when managers decide at the same moment, twenty times over', async () => {
    const { id } = await registry.approved(['read:appointments']);
    for (const scope of ['write:payments', 'read:financials', 'write:imaging', 'write:appointments']) {
      for (let round = 0; round < 5; round += 1) {
        const request = await ask(id, scope);
        const outcomes = await Promise.allSettled([
          approve(request.id, omar),
          approve(request.id, manager('layla')),
          registry.mutate('rejectScope', { id: request.id, reason: 'No.' }, manager('huda')),
          approve(request.id, mariam),
        ]);
        const [winner, ...others] = outcomes.filter(({ status }) => status === 'fulfilled');
        expect([winner?.status, others]).toEqual(['fulfilled', []]);
        const codes = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
        expect(codes.filter((code) => code !== 'CONFLICT' && code !== 'FORBIDDEN')).toEqual([]);
        const decided = (await audited({ entityId: request.id })).filter((line) => line.endsWith(' OK'));
        expect(decided).toHaveLength(2);
      }
    }
  });

  test('is asked for once at a time, ten times at the same moment', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => ask(id)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of outcomes) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CONFLICT' });
  });

  test.each([
    ['a sensitive one without an end', 'write:payments', { expiresAt: undefined }, '/input/expiresAt'],
    ['an end in the past', 'write:payments', { expiresAt: inDays(-1) }, '/input/expiresAt'],
    ['an end in three years', 'write:payments', { expiresAt: inDays(1_100) }, '/input/expiresAt'],
    ['an end for one that is not sensitive', 'read:visits', {}, '/input/expiresAt'],
    ['no justification', 'write:payments', { justification: '  ' }, '/input/justification'],
    ['no scope of ours', 'write:everything', {}, '/input/scope'],
  ])('is refused with its place: %s', async (_case, scope, change, pointer) => {
    const { id } = await registry.approved(['read:appointments']);
    await expect(ask(id, scope, change)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { errors: [{ pointer }] },
    });
  });

  test('that is not sensitive needs another person too, and no end', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const request = await ask(id, 'read:visits', { expiresAt: undefined });
    await expect(approve(request.id, mariam)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await approve(request.id, omar)).toMatchObject({ status: 'APPROVED', expiresAt: null });
    await expect(ask(id, 'read:visits', { expiresAt: undefined })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('is not granted after its end, nor to an integration that has ended', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const request = await ask(id);
    registry.setClock(() => inDays(91));
    await expect(approve(request.id, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    registry.setClock(() => new Date());
    await registry.mutate('deprecateIntegration', { id, reason: 'Replaced.' }, omar);
    await expect(approve(request.id, omar)).rejects.toMatchObject({ code: 'CONFLICT' });
    const [row] = await registry.sql`select status from integration.approvals where id = ${request.id}`;
    expect(row).toEqual({ status: 'WITHDRAWN' });
  });

  test('of a submitted integration is decided with it and not alone', async () => {
    const { id } = await registry.mutate<Integration>(
      'registerIntegration',
      registration(`Partner ${randomUUID()}`, ['write:payments']),
      mariam,
    );
    await registry.mutate('submitIntegration', { id }, mariam);
    const [row] = await registry.sql<{ id: string }[]>`select a.id from integration.approvals a
      join integration.integrations i on i.key = a.integration_key where i.id = ${id} and a.kind = 'SCOPE'`;
    await expect(approve(row?.id ?? '', omar)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('can be withdrawn by anybody, granted or only asked for; nothing is left of it', async () => {
    const { id } = await registry.approved(['read:appointments', 'write:payments']);
    const withdraw = (scope: string) =>
      registry.mutate<Integration>('withdrawScope', { integrationId: id, scope, reason: 'Not needed.' }, mariam);
    await ask(id, 'read:financials');
    expect((await withdraw('read:financials')).approvedScopes).toEqual(['read:appointments', 'write:payments']);
    expect((await withdraw('write:payments')).approvedScopes).toEqual(['read:appointments']);
    await expect(withdraw('write:payments')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(issue(id, 'write:payments')).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    expect(await audited({ integrationId: id, entity: 'scope' })).toEqual([
      'scope.withdraw OK',
      'scope.withdraw OK',
      'scope.withdraw REJECTED',
    ]);
  });
});

describe('whoever wrote in a draft', () => {
  test('does not approve it, in whatever order the others registered and submitted; the database holds to it', async () => {
    const { id } = await registry.mutate<Integration>(
      'registerIntegration',
      registration(`Partner ${randomUUID()}`, ['write:payments']),
      mariam,
    );
    const layla = manager('layla');
    await registry.mutate('updateIntegration', { id, input: { purpose: 'Something wider.' } }, layla);
    await registry.mutate('updateIntegration', { id, input: { purpose: 'Something wider still.' } }, layla);
    await registry.mutate('submitIntegration', { id }, mariam);
    await expect(registry.mutate('approveIntegration', { id }, layla)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const sql = registry.clinic.as('bridgework_integration', 1);
    await expect(
      sql`update integration.integrations set status = 'ACTIVE', decided_by = 'user https://id.clinic.test#layla',
        decided_at = now(), review_due_on = current_date + 1 where id = ${id}`,
    ).rejects.toMatchObject({ constraint_name: 'decided_by_another' });
    await expect(
      sql`update integration.approvals set status = 'APPROVED', decided_by = 'user https://id.clinic.test#layla',
        decided_at = now(), expires_at = now() + interval '1 day'
        where integration_key = (select key from integration.integrations where id = ${id})`,
    ).rejects.toMatchObject({ constraint_name: 'approved_by_another' });
    const approved = await registry.mutate<Integration>('approveIntegration', { id }, omar);
    expect(approved).toMatchObject({ status: 'ACTIVE', editedBy: ['user https://id.clinic.test#layla'] });
    // Afterwards nobody is shut out by what they once wrote.
    expect(await approve((await ask(id, 'read:financials')).id, layla)).toMatchObject({ status: 'APPROVED' });
  });
});
