import { randomUUID } from 'node:crypto';
import type { AuditEntry, IssuedToken } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import type { Scope } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariam, omar, type Registry, snapshotWhere, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const HOUR = 3_600_000;
const inHours = (hours: number): Date => new Date(Date.now() + hours * HOUR);
async function issued(scopes: readonly Scope[], change: object = {}): Promise<IssuedToken['token']> {
  const { id } = await registry.approved(scopes);
  const input = { integrationId: id, name: 'Front desk', scopes, allowedCidrs: ['192.0.2.0/24'], ...change };
  const args = { input, idempotencyKey: randomUUID() };
  return (await registry.mutate<IssuedToken>('issueToken', args, mariam)).token;
}
const rotate = (id: string, change: object = {}, idempotencyKey: string = randomUUID()): Promise<IssuedToken> =>
  registry.mutate('rotateToken', { input: { id, ...change }, idempotencyKey }, omar);
async function audited(filter: object): Promise<readonly string[]> {
  const page = await registry.query<Connection<AuditEntry>>('auditEntries', { filter, first: 100 }, omar);
  return page.edges.map(({ node }) => `${node.action} ${node.result}`).reverse();
}
/** As gateways are told of it, once they know of its successor. */
const told = async (id: string, successor: string) =>
  (await snapshotWhere(registry, ({ tokens }) => tokens.some((one) => one.id === successor))).tokens.find(
    (one) => one.id === id,
  );

describe('a rotation', () => {
  test('gives the same rights under a new secret, and lets the old one go on for the overlap', async () => {
    const old = await issued(['read:appointments']);
    const { token, secret } = await rotate(old.id, { overlapHours: 48 });
    expect(token).toMatchObject({ name: 'Front desk', scopes: old.scopes, allowedCidrs: old.allowedCidrs });
    expect(token.publicId).not.toBe(old.publicId);
    expect(secret).toContain(token.publicId);
    const predecessor = registry.resolver('IntegrationToken', 'rotatedFrom');
    expect(await predecessor(token as never, {}, registry.contextOf(omar), {} as never)).toBe(old.id);
    const ends = Date.parse((await told(old.id, token.id))?.expires_at ?? '');
    expect(Math.abs(ends - inHours(48).getTime())).toBeLessThan(60_000);
    expect((await told(token.id, token.id))?.expires_at).toBeNull();
    expect(await audited({ entityId: token.id })).toEqual(['token.rotate OK']);
  });

  test('without an overlap revokes the old one at once, and that is audited', async () => {
    const old = await issued(['read:appointments']);
    await rotate(old.id, { overlapHours: 0 });
    await snapshotWhere(
      registry,
      ({ tokens }) => tokens.some(({ id, status }) => id === old.id && status === 'REVOKED'),
      1_000,
    );
    expect(await audited({ entityId: old.id })).toEqual(['token.issue OK', 'token.revoke OK']);
  });

  test('overlaps for seven days at most; nobody gets past that in SQL either', async () => {
    const old = await issued(['read:appointments']);
    await expect(rotate(old.id, { overlapHours: 7 * 24 + 1 })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { errors: [{ pointer: '/input/overlapHours' }] },
    });
    const sql = registry.clinic.as('bridgework_integration', 1);
    const successor =
      () => sql`insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id,
        environment, scopes, rotated_from_key, created_by)
      select integration_key, name, 'successor1', ${'c'.repeat(64)}, 'p', environment, scopes, key, 'user a'
      from integration.tokens where id = ${old.id}`;
    await expect(successor()).rejects.toMatchObject({ code: 'BW007' });
    await sql`update integration.tokens set expires_at = now() + interval '8 days' where id = ${old.id}`;
    await expect(successor()).rejects.toMatchObject({ code: 'BW007' });
    expect((await rotate(old.id, { overlapHours: 7 * 24, expiresAt: inHours(999) })).token.status).toBe('ACTIVE');
  });

  test('never prolongs the old one', async () => {
    const old = await issued(['read:appointments'], { expiresAt: inHours(5) });
    const { token } = await rotate(old.id, { overlapHours: 100, expiresAt: inHours(500) });
    expect((await told(old.id, token.id))?.expires_at).toBe(old.expiresAt?.toISOString());
  });

  test('of a token with an end says when the new one ends, within what is approved', async () => {
    const old = await issued(['write:payments'], { expiresAt: inHours(500) });
    const refusal = (change: object) => rotate(old.id, change).catch((error: unknown) => error);
    const missing = { details: { errors: [{ pointer: '/input/expiresAt', code: 'missing' }] } };
    expect(await refusal({})).toMatchObject(missing);
    expect(await refusal({ expiresAt: inHours(24 * 400) })).toMatchObject({
      details: { errors: [{ code: 'too-late' }] },
    });
    expect((await rotate(old.id, { expiresAt: inHours(900) })).token.scopes).toEqual(['write:payments']);
  });

  test('carries no scope that was withdrawn since, and none at all is no token', async () => {
    const old = await issued(['read:appointments', 'read:visits']);
    const withdraw = (scope: string) =>
      registry.mutate('withdrawScope', { integrationId: old.integrationId, scope, reason: 'Enough.' }, omar);
    await withdraw('read:visits');
    const { token } = await rotate(old.id);
    expect(token.scopes).toEqual(['read:appointments']);
    await withdraw('read:appointments');
    await expect(rotate(token.id)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('happens once to a token, ten times at the same moment; a replay tells no secret', async () => {
    const old = await issued(['read:appointments']);
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => rotate(old.id)));
    const done = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(done).toHaveLength(1);
    for (const one of outcomes) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CONFLICT' });
    const [second, key] = [await issued(['read:appointments']), randomUUID()];
    const first = await rotate(second.id, {}, key);
    expect(await rotate(second.id, {}, key)).toEqual({ token: first.token, secret: null });
  });

  test('of a token that has ended is refused, and filed under its integration', async () => {
    const old = await issued(['read:appointments']);
    await registry.mutate('revokeToken', { id: old.id }, omar);
    await expect(rotate(old.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await audited({ integrationId: old.integrationId, action: 'token.rotate' })).toEqual([
      'token.rotate REJECTED',
    ]);
    await expect(rotate('tok_00000000000000000000000000')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
