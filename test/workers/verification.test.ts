import { newId } from '@bridgework/kernel/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { approveWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/approve-webhook-endpoint.ts';
import { createOwnWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/create-webhook-endpoint.ts';
import { findOwnWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/find-webhook-endpoints.ts';
import { updateOwnWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/update-webhook-endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';
import { openWebhookRegistry, refusedWith, type WebhookRegistry } from '../support/webhook-registry.ts';

let clinic: WebhookClinic;
let registry: WebhookRegistry;
beforeEach(async () => {
  clinic = await openWebhookClinic();
});
afterEach(async () => {
  await registry.close();
  await clinic.close();
});

const stored = async (id: string) => {
  const [row] = await clinic.sql`select * from integration.webhook_endpoints where id = ${id}`;
  return row;
};

test('a hundred and fifty endpoints that never answer do not keep a new one waiting', async () => {
  registry = openWebhookRegistry(clinic);
  const [silent, good] = [await clinic.receiver(), await clinic.receiver()];
  silent.answerChallenges(() => 'never');
  for (let batch = 0; batch < 3; batch += 1) {
    const { key: integrationKey } = await clinic.integration();
    for (let i = 0; i < 50; i += 1) {
      const { key } = await clinic.endpoint({ url: silent.url, integrationKey, status: 'PENDING_VERIFICATION' });
      await clinic.sql`update integration.webhook_endpoints set verification_attempts = 1 where key = ${key}`;
    }
  }
  await clinic.startWorkers();
  await eventually(() => silent.challenges.length >= 32);
  const { id } = await clinic.endpoint({ url: good.url, status: 'PENDING_VERIFICATION' });
  await eventually(async () => (await stored(id))?.status === 'ACTIVE', { withinMs: 1_500 });
});

test('one that does not answer well says why and when it is asked next, and after the last time that it is not', async () => {
  registry = openWebhookRegistry(clinic);
  const receiver = await clinic.receiver();
  receiver.answerChallenges(() => 404);
  const { id: integrationId } = await clinic.integration();
  const partner = registry.partner(integrationId);
  const { endpoint } = await createOwnWebhookEndpoint(partner, {
    input: { name: 'Calendar', url: receiver.url, eventTypes: ['visit.completed'] },
    idempotencyKey: newId('req'),
  });
  const { id } = endpoint;
  const workers = await clinic.startWorkers({ challengeScheduleSeconds: [3600] });
  const shown = await eventually(async () => {
    const found = await findOwnWebhookEndpoint(partner, { id });
    return found?.verificationAttempts === 1 ? found : undefined;
  });
  expect(shown.statusReason).toBe('The receiver has not answered its challenge well: it answered 404.');
  expect((shown.nextVerificationAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000);

  await clinic.sql`update integration.webhook_endpoints set verification_next_at = now() where id = ${id}`;
  const givenUp = await eventually(async () => {
    const found = await findOwnWebhookEndpoint(partner, { id });
    return found?.nextVerificationAt === null ? found : undefined;
  });
  expect(givenUp).toMatchObject({ status: 'PENDING_VERIFICATION', verificationAttempts: 2 });
  expect(givenUp.statusReason).toContain('It is not asked again');
  const audit = await clinic.sql`select result from audit.entries where action = 'webhook_endpoint.verify'`;
  expect(audit.map(({ result }) => result)).toEqual(['FAILED']);

  receiver.answerChallenges(() => 204);
  await updateOwnWebhookEndpoint(partner, { id, version: givenUp.version, input: { url: receiver.url } });
  await eventually(async () => (await stored(id))?.status === 'ACTIVE');
  expect((await stored(id))?.status_reason).toBeNull();
  await workers.close();
});

test('a changed URL gets nothing before it has answered; what happens meanwhile is held and then sent', async () => {
  registry = openWebhookRegistry(clinic);
  const [before, after] = [await clinic.receiver(), await clinic.receiver()];
  const { id: integrationId, key: integrationKey } = await clinic.integration();
  const { id } = await clinic.endpoint({ url: before.url, integrationKey });
  let opens = false;
  after.answerChallenges(async () => {
    await eventually(() => opens);
    return 204;
  });
  await clinic.startWorkers();
  const partner = registry.partner(integrationId);
  await updateOwnWebhookEndpoint(partner, { id, version: 1, input: { url: after.url } });
  const eventId = await clinic.emit();
  await eventually(async () => {
    const [row] = await clinic.sql`select state from integration.deliveries where event_id = ${eventId}`;
    return row?.state === 'HELD';
  });
  expect([before.events.length, after.events.length]).toEqual([0, 0]);
  opens = true;
  await eventually(() => after.events.length === 1);
  expect(after.events[0]?.payload.event_id).toBe(eventId);
  expect(before.events).toEqual([]);
});

test('the answer of a URL that is no longer the endpoint’s opens nothing', async () => {
  registry = openWebhookRegistry(clinic);
  const [early, late] = [await clinic.receiver(), await clinic.receiver()];
  late.answerChallenges(() => 404);
  let release = false;
  early.answerChallenges(async () => {
    await eventually(() => release);
    return 204;
  });
  const { id: integrationId } = await clinic.integration();
  const partner = registry.partner(integrationId);
  const { endpoint } = await createOwnWebhookEndpoint(partner, {
    input: { name: 'Calendar', url: early.url, eventTypes: ['visit.completed'] },
    idempotencyKey: newId('req'),
  });
  await clinic.startWorkers();
  await eventually(() => early.challenges.length === 1);
  await updateOwnWebhookEndpoint(partner, { id: endpoint.id, version: 1, input: { url: late.url } });
  release = true;
  await eventually(() => late.challenges.length >= 1);
  await eventually(async () => ((await stored(endpoint.id))?.verification_attempts ?? 0) > 0);
  expect(await stored(endpoint.id)).toMatchObject({ status: 'PENDING_VERIFICATION', verified_at: null });
});

test('in production an endpoint opens when it has answered and a manager has approved it, in either order', async () => {
  registry = openWebhookRegistry(clinic, 'production');
  const make = async () => {
    const receiver = await clinic.receiver();
    const { id } = await clinic.endpoint({ url: receiver.url, status: 'PENDING_VERIFICATION' });
    return { id, receiver };
  };
  const [answersFirst, approvedFirst] = [await make(), await make()];
  approvedFirst.receiver.answerChallenges(() => 503);
  const approve = (id: string, version = 1, who = 'amal') =>
    approveWebhookEndpoint(registry.manager(who), { id, version });
  await clinic.startWorkers({ challengeScheduleSeconds: Array.from({ length: 20 }, () => 1) }, 'production');

  await eventually(async () => (await stored(answersFirst.id))?.verified_at);
  expect(await stored(answersFirst.id)).toMatchObject({
    status: 'PENDING_VERIFICATION',
    status_reason: 'Verified; a manager has to approve it.',
    first_active_at: null,
  });
  await expect(approve(answersFirst.id, 7)).rejects.toEqual(refusedWith('PRECONDITION_FAILED'));
  expect(await approve(answersFirst.id)).toMatchObject({ status: 'ACTIVE', statusReason: null });
  await expect(approve(answersFirst.id, 2)).rejects.toEqual(refusedWith('CONFLICT'));

  expect(await approve(approvedFirst.id)).toMatchObject({ status: 'PENDING_VERIFICATION' });
  approvedFirst.receiver.answerChallenges(() => 204);
  await eventually(async () => (await stored(approvedFirst.id))?.status === 'ACTIVE');

  const { id: chosen } = await make();
  await clinic.sql`update integration.webhook_endpoints set url_set_by = 'user https://idp#amal' where id = ${chosen}`;
  await expect(approve(chosen)).rejects.toEqual(refusedWith('FORBIDDEN'));
  await expect(approve(chosen, 1, 'omar')).resolves.toMatchObject({ approvedBy: 'user https://idp#omar' });
});
