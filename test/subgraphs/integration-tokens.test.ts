import { randomUUID } from 'node:crypto';
import type { AuditEntry, IssuedToken } from '@bridgework/integration';
import type { Connection } from '@bridgework/kernel/connection';
import { matchesTokenHash, parseIntegrationToken, readTokenPeppers } from '@bridgework/kernel/integration-token';
import type { Scope } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariam, omar, partner, type Registry, snapshotWhere, startRegistry } from '../support/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);
const request = (integrationId: string, scopes: readonly Scope[], change: object = {}) => ({
  input: { integrationId, name: 'Front desk', scopes, ...change },
  idempotencyKey: randomUUID(),
});
const issue = (integrationId: string, scopes: readonly Scope[], change: object = {}): Promise<IssuedToken> =>
  registry.mutate('issueToken', request(integrationId, scopes, change), mariam);

describe('a token', () => {
  test('is shown once, belongs to this environment and is told to gateways by its hash', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const { token, secret } = await issue(id, ['read:appointments'], { allowedCidrs: ['192.0.2.0/24', '2001:db8::1'] });
    const parsed = parseIntegrationToken(secret ?? '');
    expect(parsed).toMatchObject({ environment: 'sandbox', publicId: token.publicId });
    expect(token).toMatchObject({ environment: 'SANDBOX', status: 'ACTIVE', integrationId: id, expiresAt: null });
    const snapshot = await snapshotWhere(registry, ({ tokens }) => tokens.some((one) => one.id === token.id));
    const told = snapshot.tokens.find((one) => one.id === token.id);
    expect(told).toMatchObject({ public_id: token.publicId, allowed_cidrs: ['192.0.2.0/24', '2001:db8::1'] });
    const stored = { secretHash: told?.secret_hash ?? '', pepperId: told?.pepper_id ?? '' };
    expect(matchesTokenHash(secret ?? '', stored, readTokenPeppers(registry.secrets.tokenPepper))).toBe(true);
  });

  test('is stored nowhere in clear: not in any column of any table', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const { secret } = await issue(id, ['read:appointments']);
    const random = secret?.slice(-38) ?? 'missing';
    const tables = await registry.sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname in ('integration', 'audit', 'idempotency', 'outbox')`;
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables) {
      const [row] = await registry.sql.unsafe(
        `select count(*)::int as count from ${name} row where position($1 in row::text) > 0`,
        [random],
      );
      expect([name, row?.count]).toEqual([name, 0]);
    }
  });

  test('is issued once per idempotency key; a replay returns it without its secret', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const args = request(id, ['read:appointments']);
    const first = await registry.mutate<IssuedToken>('issueToken', args, mariam);
    expect(first.secret).not.toBeNull();
    const again = await registry.mutate<IssuedToken>('issueToken', args, mariam);
    expect(again).toEqual({ token: first.token, secret: null });
    const page = await registry.query<Connection<AuditEntry>>(
      'auditEntries',
      { filter: { entityId: first.token.id }, first: 10 },
      omar,
    );
    expect(page.edges.map(({ node }) => `${node.action} ${node.result}`)).toEqual([
      'token.issue REPLAY',
      'token.issue OK',
    ]);
    const other = { ...args, input: { ...args.input, name: 'Other' } };
    await expect(registry.mutate('issueToken', other, mariam)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    // Another manager's key is another key.
    const second = await registry.mutate<IssuedToken>('issueToken', args, omar);
    expect(second.token.id).not.toBe(first.token.id);
  });

  test('cannot have a scope that its integration was not granted', async () => {
    const { id } = await registry.approved(['read:appointments']);
    await expect(issue(id, ['read:appointments', 'read:patients'])).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { errors: [{ pointer: '/input/scopes/1', code: 'not-approved' }] },
    });
  });

  test('with a sensitive scope needs an expiry, within what was approved', async () => {
    const { id } = await registry.approved(['write:payments']);
    const refusal = (change: object) => issue(id, ['write:payments'], change).catch((error: unknown) => error);
    expect(await refusal({})).toMatchObject({
      details: { errors: [{ pointer: '/input/expiresAt', code: 'missing' }] },
    });
    expect(await refusal({ expiresAt: inDays(-1) })).toMatchObject({ details: { errors: [{ code: 'past' }] } });
    expect(await refusal({ expiresAt: inDays(400) })).toMatchObject({ details: { errors: [{ code: 'too-late' }] } });
    const { token } = await issue(id, ['write:payments'], { expiresAt: inDays(30).toISOString() });
    expect(token.expiresAt?.getTime()).toBeGreaterThan(Date.now());
  });

  test('exists only for an integration that is active', async () => {
    const { id } = await registry.approved(['read:appointments']);
    await registry.mutate('pauseIntegration', { id, reason: 'Odd.' }, omar);
    await expect(issue(id, ['read:appointments'])).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(issue('int_00000000000000000000000000', ['read:appointments'])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('takes only ranges that can be read', async () => {
    const { id } = await registry.approved(['read:appointments']);
    for (const cidr of ['192.0.2.0/33', 'example.org', '10.0.0.0/8/8', '::1/129', '10.0.0/8']) {
      await expect(issue(id, ['read:appointments'], { allowedCidrs: [cidr] })).rejects.toMatchObject({
        code: 'VALIDATION_FAILED',
      });
    }
  });
});

describe('a revocation', () => {
  test('reaches the stream within a second and is final', async () => {
    const { id } = await registry.approved(['read:appointments']);
    const { token } = await issue(id, ['read:appointments']);
    const statusIn =
      (status: string) =>
      ({ tokens }: { tokens: readonly { id: string; status: string }[] }) =>
        tokens.some((one) => one.id === token.id && one.status === status);
    const before = await snapshotWhere(registry, statusIn('ACTIVE'));
    const told = snapshotWhere(registry, statusIn('REVOKED'), 1_000);
    await registry.mutate('revokeToken', { id: token.id, reason: 'Lost.' }, omar);
    expect((await told).generation).toBeGreaterThan(before.generation);
    const again = await registry.mutate('revokeToken', { id: token.id }, mariam);
    expect(again).toMatchObject({ status: 'REVOKED', revokedBy: 'user https://id.clinic.test#omar' });
    await expect(registry.sql`update integration.tokens set status = 'ACTIVE', revoked_at = null, revoked_by = null
      where id = ${token.id}`).rejects.toThrow();
  });

  test('of an unknown token is refused and audited', async () => {
    const id = 'tok_00000000000000000000000000';
    await expect(registry.mutate('revokeToken', { id }, omar)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const filter = { entityId: id, action: 'token.revoke', result: 'REJECTED' };
    const page = await registry.query<Connection<AuditEntry>>('auditEntries', { filter, first: 10 }, omar);
    expect(page.edges).toHaveLength(1);
  });
});

test('a token knows itself by `me`: its name, scopes, expiry and its integration', async () => {
  const integration = await registry.approved(['read:appointments']);
  const { token } = await issue(integration.id, ['read:appointments'], { expiresAt: inDays(3) });
  const me = await registry.query('me', {}, partner(integration.id, token.id, ['read:appointments']));
  expect(me).toMatchObject({
    kind: 'INTEGRATION',
    tokenId: token.id,
    name: 'Front desk',
    scopes: ['read:appointments'],
    expiresAt: token.expiresAt,
    integration: { id: integration.id },
    reviewDueOn: integration.reviewDueOn,
  });
  expect(await registry.query('me', {}, omar)).toMatchObject({ kind: 'USER', name: 'omar', integration: null });
});
