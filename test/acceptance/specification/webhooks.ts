import { EVENT_TYPES, EVENTS } from '@bridgework/schema';
import { Webhook } from 'standardwebhooks';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { ItemId } from './items.ts';
import { addEndpoint, alertsOf, criterion, happen, here } from './walk.ts';

const received = (type: string) => here().clinic.receiver.events.filter(({ payload }) => payload.event_type === type);

EVENT_TYPES.forEach((type, at) => {
  criterion(`7.1.${at + 1}` as ItemId, async () => {
    await happen(type);
    const [event] = await eventually(() => (received(type).length > 0 ? received(type) : undefined), {
      withinMs: 10_000,
    });
    return `${event?.payload.event_id} ${type} came`;
  });
});

criterion(['4.1.2', '7.2.1', '7.3.7'], async () => {
  const { clinic, endpointSecret } = here();
  const library = new Webhook(endpointSecret);
  for (const { body, headers } of clinic.receiver.events) {
    expect(() => library.verify(body, headers)).not.toThrow();
    expect(() => library.verify(body.replace('"event_id"', '"event-id"'), headers)).toThrow();
    expect(JSON.parse(body).signature).toMatch(/^v1,/);
  }
  expect(clinic.receiver.events.length).toBeGreaterThanOrEqual(EVENT_TYPES.length);
  return `${clinic.receiver.events.length} bodies verified by a Standard Webhooks library; with one byte changed none`;
});

criterion(['7.3.1', '7.3.2', '7.3.3', '7.3.4', '7.3.5', '7.3.6', '14.2'], async () => {
  const { clinic } = here();
  for (const { payload } of clinic.receiver.events) {
    const definition = EVENTS[payload.event_type as keyof typeof EVENTS];
    expect(payload.event_id).toMatch(/^evt_[0-9a-z]{26}$/);
    expect(Date.parse(String(payload.occurred_at))).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(payload.entity_type).toBe(definition.entityType);
    expect(Object.values(payload.data as object)).toContain(payload.entity_id);
    const checked = definition.published.safeParse(payload.data);
    expect(checked.error, payload.event_type).toBeUndefined();
  }
  const types = new Set(clinic.receiver.events.map(({ payload }) => payload.event_type));
  expect(types.size).toBe(EVENT_TYPES.length);
  return `all fields in each of ${clinic.receiver.events.length} payloads of ${types.size} types, their data by the published schemas`;
});

criterion(['7.2.2', '7.2.4', '10.2.1'], async () => {
  const { failing } = here();
  let asked = 0;
  failing.answer(() => {
    asked += 1;
    return asked <= 2 ? 503 : 204;
  });
  await addEndpoint(failing.url, ['inventory.low_stock'], { retryScheduleSeconds: [1, 5] });
  await happen('inventory.low_stock');
  await eventually(() => failing.events.length === 3, { withinMs: 20_000 });
  const [one, two, three] = failing.events;
  const gaps = [(two?.atMs ?? 0) - (one?.atMs ?? 0), (three?.atMs ?? 0) - (two?.atMs ?? 0)];
  expect(gaps[0]).toBeGreaterThanOrEqual(750);
  expect(gaps[1]).toBeGreaterThan(gaps[0] ?? 0);
  expect(new Set(failing.events.map(({ payload }) => payload.event_id)).size).toBe(1);
  return `${one?.payload.event_id} came three times under one id, after ${gaps.map(Math.round).join(' and ')} ms more`;
});

criterion(['7.2.3', '10.2.3', '11.1.6'], async () => {
  const { clinic, failing } = here();
  failing.answer(() => 503);
  const endpoint = await addEndpoint(failing.url, ['installment.overdue'], { retryScheduleSeconds: [1] });
  await happen('installment.overdue');
  const dead = await eventually(
    async () => {
      const { deadLetters } = await clinic.huda.run(
        'query ($id: ID!) { deadLetters(filter: { endpointId: $id }, first: 10) { edges { node { id eventId deadReason } } } }',
        { id: endpoint.id },
      );
      return deadLetters.edges[0]?.node;
    },
    { withinMs: 20_000 },
  );
  expect(dead.deadReason).toBe('exhausted');
  const alert = await alertsOf(endpoint.id, 'endpoint.exhausted');
  await clinic.audited({ action: 'webhook.deliver', result: 'FAILED', entityId: dead.id });
  failing.answer(() => 204);
  const { replayDeliveries } = await clinic.huda.run(
    'mutation ($filter: ReplayFilter!) { replayDeliveries(filter: $filter, idempotencyKey: "walk") { matchedCount } }',
    { filter: { endpointId: endpoint.id } },
  );
  expect(replayDeliveries.matchedCount).toBe(1);
  await clinic.audited({ action: 'webhook.deliver', result: 'OK', entityId: dead.id });
  const copies = failing.events.filter(({ payload }) => payload.event_id === dead.eventId);
  expect(copies).toHaveLength(3);
  return `${dead.id} ${dead.deadReason} after two attempts, alert ${alert.id}; sent again by a manager it arrived under the same id`;
});
