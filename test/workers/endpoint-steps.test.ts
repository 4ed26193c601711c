import { newId } from '@bridgework/kernel/ids';
import { EVENT_TYPES, type EventType } from '@bridgework/schema';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  findDeliveries,
  findOwnDeliveries,
  findOwnDelivery,
} from '../../subgraphs/integration/src/deliveries/find-deliveries.ts';
import { replayOwnDelivery } from '../../subgraphs/integration/src/deliveries/replay-delivery.ts';
import {
  createOwnWebhookEndpoint,
  createWebhookEndpoint,
} from '../../subgraphs/integration/src/endpoints/create-webhook-endpoint.ts';
import {
  deleteOwnWebhookEndpoint,
  deleteWebhookEndpoint,
} from '../../subgraphs/integration/src/endpoints/delete-webhook-endpoint.ts';
import {
  findOwnWebhookEndpoint,
  findOwnWebhookEndpoints,
} from '../../subgraphs/integration/src/endpoints/find-webhook-endpoints.ts';
import {
  pauseWebhookEndpoint,
  resumeWebhookEndpoint,
} from '../../subgraphs/integration/src/endpoints/pause-webhook-endpoint.ts';
import {
  rotateOwnWebhookSecret,
  rotateWebhookSecret,
} from '../../subgraphs/integration/src/endpoints/rotate-webhook-secret.ts';
import { sendTestEvent, testOwnWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/send-test-event.ts';
import {
  updateOwnWebhookEndpoint,
  updateWebhookEndpoint,
} from '../../subgraphs/integration/src/endpoints/update-webhook-endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { verifyBody } from '../support/verify-body.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';
import { openWebhookRegistry, refusedWith, type WebhookRegistry } from '../support/webhook-registry.ts';

let clinic: WebhookClinic;
let registry: WebhookRegistry;
beforeAll(async () => {
  clinic = await openWebhookClinic();
  registry = openWebhookRegistry(clinic);
});
afterAll(async () => {
  await registry.close();
  await clinic.close();
});

const key = () => newId('req');
const input = { name: 'Calendar', eventTypes: ['appointment.completed'] };
const statusOf = async (id: string) => {
  const [row] = await clinic.sql`select status from integration.webhook_endpoints where id = ${id}`;
  return row?.status;
};
const audited = async (entityId: string) =>
  (
    await clinic.sql`select action || ' ' || result as line from audit.entries where entity_id = ${entityId} order by key`
  ).map(({ line }) => line);

describe('an integration with its own endpoints', () => {
  test('creates one, sees it, changes it, rotates its secret and deletes it; each step is audited under its token', async () => {
    const { id: integrationId } = await clinic.integration();
    const partner = registry.partner(integrationId);
    const request = { input, idempotencyKey: key() };
    const created = await createOwnWebhookEndpoint(partner, request);
    expect(created.secret).toMatch(/^whsec_/);
    expect(created.endpoint).toMatchObject({ integrationId, status: 'ACTIVE', version: 1, mode: 'SNAPSHOT' });
    expect(await createOwnWebhookEndpoint(partner, request)).toEqual({ ...created, secret: null });
    const { id } = created.endpoint;

    expect((await findOwnWebhookEndpoints(partner, { first: 10 })).edges.map(({ node }) => node.id)).toEqual([id]);
    const changed = await updateOwnWebhookEndpoint(partner, {
      id,
      version: 1,
      input: { name: 'Diary', mode: 'THIN', eventTypes: ['visit.completed', 'appointment.created'] },
    });
    expect(changed).toMatchObject({
      name: 'Diary',
      mode: 'THIN',
      version: 2,
      eventTypes: ['appointment.created', 'visit.completed'],
    });
    const rotated = await rotateOwnWebhookSecret(partner, { id, graceDays: 7, idempotencyKey: key() });
    expect(rotated.endpoint).toMatchObject({ version: 3, liveSecretCount: 2 });
    expect(rotated.secret).not.toBe(created.secret);
    await deleteOwnWebhookEndpoint(partner, { id, version: 3 });
    expect(await findOwnWebhookEndpoint(partner, { id })).toBeNull();
    expect(await audited(id)).toEqual([
      'webhook_endpoint.create OK',
      'webhook_endpoint.create REPLAY',
      'webhook_endpoint.update OK',
      'webhook_endpoint.rotate_secret OK',
      'webhook_endpoint.delete OK',
    ]);
    const actors = await clinic.sql`select distinct actor from audit.entries where entity_id = ${id}`;
    expect(actors.map(({ actor }) => String(actor))).toEqual([expect.stringMatching(/^token tok_/)]);
  });

  test('changes nothing that somebody else has changed meanwhile: of ten at once one succeeds', async () => {
    const { id: integrationId } = await clinic.integration();
    const partner = registry.partner(integrationId);
    const { endpoint } = await createOwnWebhookEndpoint(partner, { input, idempotencyKey: key() });
    const changes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        updateOwnWebhookEndpoint(partner, { id: endpoint.id, version: 1, input: { name: `Name ${index}` } }),
      ),
    );
    expect(changes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const change of changes) {
      if (change.status === 'rejected') expect(change.reason).toEqual(refusedWith('PRECONDITION_FAILED'));
    }
  });

  test("meets another integration's endpoint and delivery as ones that do not exist, whatever it tries", async () => {
    const [mine, theirs] = [await clinic.integration(), await clinic.integration()];
    const owner = registry.partner(theirs.id);
    const { endpoint } = await createOwnWebhookEndpoint(owner, { input, idempotencyKey: key() });
    const { delivery } = await testOwnWebhookEndpoint(owner, {
      endpointId: endpoint.id,
      eventType: 'visit.completed',
      idempotencyKey: key(),
    });
    const stranger = registry.partner(mine.id);
    const { id } = endpoint;
    for (const attempt of [
      () => updateOwnWebhookEndpoint(stranger, { id, version: 1, input: { name: 'Mine' } }),
      () => rotateOwnWebhookSecret(stranger, { id, idempotencyKey: key() }),
      () => deleteOwnWebhookEndpoint(stranger, { id, version: 1 }),
      () => testOwnWebhookEndpoint(stranger, { endpointId: id, eventType: 'visit.completed', idempotencyKey: key() }),
      () => replayOwnDelivery(stranger, { id: delivery.id, idempotencyKey: key() }),
    ]) {
      await expect(attempt()).rejects.toEqual(refusedWith('NOT_FOUND'));
    }
    expect(await findOwnWebhookEndpoint(stranger, { id })).toBeNull();
    expect(await findOwnDelivery(stranger, { id: delivery.id })).toBeNull();
    const listed = await findOwnDeliveries(stranger, {
      filter: { integrationId: theirs.id, endpointId: id },
      first: 5,
    });
    expect(listed.edges).toEqual([]);
    expect(await findOwnDelivery(owner, { id: delivery.id })).toMatchObject({ id: delivery.id });
  });

  test('is bound to its scopes and to fifty endpoints, and decides nothing about our time and sockets', async () => {
    const { id: integrationId } = await clinic.integration({ scopes: ['webhook:receive', 'read:appointments'] });
    const partner = registry.partner(integrationId);
    const { endpoint } = await createOwnWebhookEndpoint(partner, { input, idempotencyKey: key() });
    await expect(
      updateOwnWebhookEndpoint(partner, { id: endpoint.id, version: 1, input: { eventTypes: ['payment.received'] } }),
    ).rejects.toEqual(refusedWith('INSUFFICIENT_SCOPE'));
    await expect(
      updateOwnWebhookEndpoint(partner, { id: endpoint.id, version: 1, input: { maxInFlight: 64 } }),
    ).rejects.toEqual(refusedWith('VALIDATION_FAILED'));
    await clinic.sql`insert into integration.webhook_endpoints (integration_key, name, created_by)
      select key, 'Filler', 'user a' from integration.integrations, generate_series(1, 49) where id = ${integrationId}`;
    await expect(createOwnWebhookEndpoint(partner, { input, idempotencyKey: key() })).rejects.toEqual(
      refusedWith('CONFLICT'),
    );
  });

  test('is the only one who does: a manager has the other mutations, an integration none of theirs', async () => {
    const { id: integrationId } = await clinic.integration();
    const { endpoint } = await createWebhookEndpoint(registry.manager(), {
      input: { ...input, integrationId },
      idempotencyKey: key(),
    });
    const { id } = endpoint;
    const partner = registry.partner(integrationId);
    for (const attempt of [
      () => createOwnWebhookEndpoint(registry.manager(), { input, idempotencyKey: key() }),
      () => deleteOwnWebhookEndpoint(registry.manager(), { id, version: 1 }),
      () => updateWebhookEndpoint(partner, { id, version: 1, input: { name: 'x' } }),
      () => rotateWebhookSecret(partner, { id, idempotencyKey: key() }),
      () => pauseWebhookEndpoint(partner, { id, reason: 'x' }),
      () => resumeWebhookEndpoint(partner, { id }),
      () => deleteWebhookEndpoint(partner, { id, version: 1 }),
      () => sendTestEvent(partner, { endpointId: id, eventType: 'visit.completed', idempotencyKey: key() }),
    ]) {
      await expect(attempt()).rejects.toEqual(refusedWith('FORBIDDEN'));
    }
    const denied = await clinic.sql`select count(*)::integer as n from audit.entries
      where result = 'DENIED' and entity_id = ${id}`;
    expect(denied[0]?.n).toBe(5);
  });
});

describe('a secret that is rotated', () => {
  test('signs beside the new one for its grace period, in the headers, the body and the feed, and then no more', async () => {
    const receiver = await clinic.receiver();
    const { id: integrationId } = await clinic.integration();
    const partner = registry.partner(integrationId);
    const { endpoint, secret: first } = await createOwnWebhookEndpoint(partner, {
      input: { ...input, url: receiver.url },
      idempotencyKey: key(),
    });
    const workers = await clinic.startWorkers();
    await eventually(async () => (await statusOf(endpoint.id)) === 'ACTIVE');
    const { secret: second } = await rotateOwnWebhookSecret(partner, {
      id: endpoint.id,
      graceDays: 7,
      idempotencyKey: key(),
    });
    await clinic.emit();
    const during = await eventually(() => receiver.events[0]);
    for (const secret of [first ?? '', second ?? '']) {
      expect(() => new Webhook(secret).verify(during.body, during.headers)).not.toThrow();
      expect(verifyBody(during.body, secret)).toBe(true);
    }
    expect(during.headers['webhook-signature']?.split(' ')).toHaveLength(2);

    const request = { id: endpoint.id, graceDays: 0, idempotencyKey: key() };
    const { secret: third } = await rotateOwnWebhookSecret(partner, request);
    expect(await rotateOwnWebhookSecret(partner, request)).toMatchObject({ secret: null });
    await clinic.emit();
    const after = await eventually(() => receiver.events[1]);
    expect(() => new Webhook(third ?? '').verify(after.body, after.headers)).not.toThrow();
    for (const secret of [first ?? '', second ?? '']) {
      expect(() => new Webhook(secret).verify(after.body, after.headers)).toThrow();
      expect(verifyBody(after.body, secret)).toBe(false);
    }
    await workers.close();
  });

  test('is one of five at most; a grace period of 0 is always possible, and more than seven days never', async () => {
    const { id: integrationId } = await clinic.integration();
    const partner = registry.partner(integrationId);
    const { endpoint } = await createOwnWebhookEndpoint(partner, { input, idempotencyKey: key() });
    const rotate = (graceDays: number) =>
      rotateOwnWebhookSecret(partner, { id: endpoint.id, graceDays, idempotencyKey: key() });
    for (let count = 2; count <= 5; count += 1) {
      expect((await rotate(7)).endpoint.liveSecretCount).toBe(count);
    }
    await expect(rotate(7)).rejects.toEqual(refusedWith('CONFLICT'));
    await expect(rotate(8)).rejects.toEqual(refusedWith('VALIDATION_FAILED'));
    expect((await rotate(0)).endpoint.liveSecretCount).toBe(1);
  });
});

describe('a test event', () => {
  test('of each type reaches the endpoint alone, signed, valid and marked as nothing real', async () => {
    const [receiver, bystander] = [await clinic.receiver(), await clinic.receiver()];
    const { id: integrationId, key: integrationKey } = await clinic.integration();
    const endpoint = await clinic.endpoint({ url: receiver.url, integrationKey, eventTypes: ['appointment.created'] });
    await clinic.endpoint({ url: bystander.url, integrationKey });
    const workers = await clinic.startWorkers();
    for (const eventType of EVENT_TYPES) {
      const request = { endpointId: endpoint.id, eventType, idempotencyKey: key() };
      const delivery = await sendTestEvent(registry.manager(), request);
      expect(delivery).toMatchObject({ endpointId: endpoint.id, integrationId, eventType, status: 'PENDING' });
      expect((await sendTestEvent(registry.manager(), request)).id).toBe(delivery.id);
    }
    await eventually(() => receiver.events.length === EVENT_TYPES.length);
    expect(new Set(receiver.events.map(({ payload }) => payload.event_type))).toEqual(new Set<EventType>(EVENT_TYPES));
    for (const { payload, body, headers } of receiver.events) {
      expect(payload).toMatchObject({ livemode: false, entity_id: expect.stringMatching(/^[a-z]{3}_0{26}$/) });
      expect(() => new Webhook(endpoint.secrets[0] ?? '').verify(body, headers)).not.toThrow();
    }
    expect(bystander.events).toEqual([]);
    await workers.close();
  });

  test('is refused while the endpoint is not active, and for what the integration may not read', async () => {
    const { id: integrationId, key: integrationKey } = await clinic.integration({
      scopes: ['webhook:receive', 'read:appointments'],
    });
    const paused = await clinic.endpoint({ url: 'http://127.0.0.1:9/', integrationKey, status: 'PAUSED' });
    const test = (eventType: EventType) =>
      testOwnWebhookEndpoint(registry.partner(integrationId), {
        endpointId: paused.id,
        eventType,
        idempotencyKey: key(),
      });
    await expect(test('appointment.created')).rejects.toEqual(refusedWith('CONFLICT'));
    await expect(test('invoice.created')).rejects.toEqual(refusedWith('INSUFFICIENT_SCOPE'));
  });
});

describe('what was held while an endpoint was paused', () => {
  test.each([
    { held: 'ALL', sent: [1, 2], skipped: 0 },
    { held: 'SINCE', sent: [2], skipped: 1 },
    { held: 'NONE', sent: [], skipped: 2 },
  ])('with $held is sent as far as the manager says; the rest ends as skipped and can be replayed', async (given) => {
    const receiver = await clinic.receiver();
    const { id: integrationId, key: integrationKey } = await clinic.integration();
    const { id } = await clinic.endpoint({ url: receiver.url, integrationKey });
    const workers = await clinic.startWorkers();
    expect(await pauseWebhookEndpoint(registry.manager(), { id, reason: 'They asked for it.' })).toMatchObject({
      status: 'PAUSED',
      statusReason: 'They asked for it.',
    });
    const eventIds = [await clinic.emit()];
    await eventually(async () => (await deliveriesOf(id)).length === 1);
    const [instant] = await clinic.sql<[{ at: Date }]>`select clock_timestamp() + interval '1 ms' as at`;
    await eventually(() => Date.now() > instant.at.getTime() + 2);
    eventIds.push(await clinic.emit());
    await eventually(async () => (await deliveriesOf(id)).filter(({ status }) => status === 'HELD').length === 2);
    await resumeWebhookEndpoint(registry.manager(), {
      id,
      held: given.held,
      since: given.held === 'SINCE' ? instant.at : null,
    });
    await eventually(async () => {
      const all = await deliveriesOf(id);
      return (
        all.filter(({ status }) => status === 'DELIVERED').length === given.sent.length &&
        all.filter(({ deadReason }) => deadReason === 'skipped').length === given.skipped
      );
    });
    expect(receiver.events.map(({ payload }) => payload.event_id)).toEqual(given.sent.map((n) => eventIds[n - 1]));
    const [skipped] = (await deliveriesOf(id)).filter(({ deadReason }) => deadReason === 'skipped');
    if (skipped !== undefined) {
      expect(await audited(skipped.id)).toEqual(['webhook.deliver FAILED']);
      // What was let go once is not let go again: the replay goes through.
      await replayOwnDelivery(registry.partner(integrationId), { id: skipped.id, idempotencyKey: key() });
      await eventually(
        async () => (await findOwnDelivery(registry.partner(integrationId), skipped))?.status === 'DELIVERED',
      );
    }
    await workers.close();
  });

  const deliveriesOf = async (endpointId: string) =>
    (await findDeliveries(registry.manager(), { filter: { endpointId }, first: 50 })).edges.map(({ node }) => node);

  test('ends when the endpoint is deleted', async () => {
    const { id: integrationId, key: integrationKey } = await clinic.integration();
    const { id } = await clinic.endpoint({ url: 'http://127.0.0.1:9/', integrationKey, status: 'PAUSED' });
    const workers = await clinic.startWorkers();
    await clinic.emit();
    const [waiting] = await eventually(async () => {
      const all = await deliveriesOf(id);
      return all.length > 0 ? all : undefined;
    });
    await deleteWebhookEndpoint(registry.manager(), { id, version: 1 });
    await eventually(async () => (await deliveriesOf(id))[0]?.deadReason === 'deleted');
    await expect(
      replayOwnDelivery(registry.partner(integrationId), { id: waiting?.id, idempotencyKey: key() }),
    ).rejects.toEqual(refusedWith('CONFLICT'));
    await workers.close();
  });
});

describe('a replay', () => {
  test('sends a delivered event again under its id, ten requests under one key once, as the next generation', async () => {
    const receiver = await clinic.receiver();
    const { id: integrationId, key: integrationKey } = await clinic.integration();
    await clinic.endpoint({ url: receiver.url, integrationKey });
    const workers = await clinic.startWorkers();
    const eventId = await clinic.emit();
    const partner = registry.partner(integrationId);
    const delivered = async (generation: number) =>
      eventually(async () => {
        const [edge] = (await findOwnDeliveries(partner, { filter: { status: 'DELIVERED' }, first: 1 })).edges;
        return edge?.node.generation === generation ? edge.node : undefined;
      });
    const { id } = await delivered(1);
    const request = { id, idempotencyKey: key() };
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => replayOwnDelivery(partner, request)));
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    await delivered(2);
    expect(receiver.events.map(({ payload }) => payload.event_id)).toEqual([eventId, eventId]);
    const ok = (await audited(id)).filter((line) => line === 'webhook.replay OK');
    expect(ok).toHaveLength(1);
    await workers.close();
  });
});

test('a thin endpoint is told which entity it is about and where to ask for it, and nothing more', async () => {
  const receiver = await clinic.receiver();
  const { id: integrationId } = await clinic.integration();
  const { endpoint } = await createOwnWebhookEndpoint(registry.partner(integrationId), {
    input: { ...input, eventTypes: ['appointment.completed', 'invoice.created'], url: receiver.url, mode: 'THIN' },
    idempotencyKey: key(),
  });
  const workers = await clinic.startWorkers();
  await eventually(async () => (await statusOf(endpoint.id)) === 'ACTIVE');
  await clinic.emit();
  await clinic.emit('invoice.created', { id: 'inv_1', patient_id: 'p', currency: 'SAR', total_minor: 5, due_on: null });
  await eventually(() => receiver.events.length === 2);
  for (const { payload } of receiver.events) {
    const href = payload.event_type === 'invoice.created' ? null : `/api/v1/appointments/${payload.entity_id}`;
    expect(payload.data).toEqual({ id: payload.entity_id, href });
  }
  await workers.close();
});
