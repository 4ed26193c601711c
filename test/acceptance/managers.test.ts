import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';
import { sampleMutations } from '../support/sample-mutations.ts';

let clinic: Clinic;
let partner: Partner;

beforeAll(async () => {
  clinic = await startClinic();
  partner = await clinic.partner({ scopes: ['read:appointments', 'webhook:receive'], adHoc: true });
});
afterAll(() => clinic?.close());

test('a revoked token is good for nothing within a second, and that is audited', async () => {
  const victim = await clinic.partner({ scopes: ['read:appointments'] });
  await clinic.omar.run('mutation ($id: ID!) { revokeToken(id: $id, reason: "lost") { status } }', {
    id: victim.tokenId,
  });
  const revokedAt = performance.now();
  const answer = await eventually(
    async () => {
      const attempt = await victim.rest('GET', '/me');
      return attempt.status === 401 ? attempt : undefined;
    },
    { withinMs: 1_000 },
  );
  expect(performance.now() - revokedAt).toBeLessThan(1_000);
  expect(answer.body.type).toMatch(/\/problems\/invalid-token$/);
  const entry = await clinic.audited({ action: 'token.revoke', result: 'OK', entityId: victim.tokenId });
  expect(entry).toMatchObject({ integration_id: victim.integrationId, entity: 'token', error_message: null });
  expect(entry).toHaveProperty('actor', expect.stringContaining('omar'));
  await clinic.audited({ action: 'request.refuse', result: 'DENIED', integrationId: victim.integrationId });
});

test('a paused integration is refused within a second and welcome again when it is resumed', async () => {
  const victim = await clinic.partner({ scopes: ['read:appointments'] });
  const id = victim.integrationId;
  await clinic.huda.run('mutation ($id: ID!) { pauseIntegration(id: $id, reason: "incident") { status } }', { id });
  const paused = await eventually(
    async () => {
      const attempt = await victim.rest('GET', '/me');
      return attempt.status === 403 ? attempt : undefined;
    },
    { withinMs: 1_000 },
  );
  expect(paused.body.type).toMatch(/\/problems\/integration-paused$/);
  await clinic.huda.run('mutation ($id: ID!) { resumeIntegration(id: $id) { status } }', { id });
  await eventually(async () => (await victim.rest('GET', '/me')).status === 200, { withinMs: 1_000 });
});

test('nobody approves what they submitted', async () => {
  const { registerIntegration } = await clinic.huda.run(
    `mutation { registerIntegration(idempotencyKey: "own", input: { name: "Own", purpose: "p", businessJustification: "b",
      dataScope: "d", riskAssessment: "r", internalOwner: "o", reviewIntervalMonths: 6, requestedScopes: ["read:visits"] }) { id } }`,
  );
  const id = registerIntegration.id;
  await clinic.huda.run('mutation ($id: ID!) { submitIntegration(id: $id) { id } }', { id });
  const own = await clinic.huda.ask('mutation ($id: ID!) { approveIntegration(id: $id) { id } }', { id });
  expect(own.body.errors[0].extensions.code).toBe('FORBIDDEN');
  await clinic.audited({ action: 'integration.approve', result: 'DENIED', entityId: id });
  const { approveIntegration } = await clinic.omar.run(
    'mutation ($id: ID!) { approveIntegration(id: $id) { status } }',
    { id },
  );
  expect(approveIntegration.status).toBe('ACTIVE');
});

test('a receptionist and any integration token are refused on every admin mutation, and each refusal is audited', async () => {
  const calls = sampleMutations('manager');
  expect(calls.length).toBeGreaterThan(12);
  for (const { name, text } of calls) {
    const receptionist = await clinic.rana.ask(text);
    const token = await partner.graphql({ query: text });
    expect([name, receptionist.status, receptionist.body.errors[0].extensions.code]).toEqual([name, 403, 'FORBIDDEN']);
    expect([name, token.status, token.body.errors[0].extensions.code]).toEqual([name, 403, 'FORBIDDEN']);
    for (const answer of [receptionist, token]) {
      const entry = await clinic.audited({
        action: 'document.execute',
        result: 'DENIED',
        requestId: answer.headers.get('request-id') ?? '',
      });
      expect(entry).toMatchObject({ entity: 'mutation', entity_id: name });
      expect(Object.keys(entry)).toEqual(
        expect.arrayContaining(['integration_id', 'action', 'entity', 'entity_id', 'result', 'error_message']),
      );
    }
  }
});
