import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';

/** Of every write of the reference that is done once per key: a key that comes again says so, and does nothing more. */
let clinic: Clinic;
let partner: Partner;
let endpointId: string;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  partner = await clinic.partner({ scopes: ['webhook:receive', 'read:appointments'] });
  const created = await partner.rest('POST', '/webhook-endpoints', {
    body: { name: 'desk', url: `${clinic.receiver.origin}/desk`, event_types: ['appointment.created'] },
    headers: { 'idempotency-key': 'endpoint' },
  });
  endpointId = created.body.endpoint.id;
  await eventually(async () => {
    const { body } = await partner.rest('GET', `/webhook-endpoints/${endpointId}`);
    return body.status === 'ACTIVE';
  });
});
afterAll(() => clinic?.close());

async function twice(path: string, body: object, status: number) {
  const headers = { 'idempotency-key': randomUUID() };
  const first = await partner.rest('POST', path, { body, headers });
  expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([status, null]);
  const again = await partner.rest('POST', path, { body, headers });
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([status, 'true']);
  expect(again.body.id).toBe(first.body.id);
  const reused = await partner.rest('POST', path, { body: { ...body, event_type: 'visit.completed' }, headers });
  expect(reused.headers.get('idempotent-replayed')).toBeNull();
  return first;
}

const count = async (table: string): Promise<number> =>
  (await clinic.owner<[{ count: number }]>`select count(*)::int as count from ${clinic.owner(table)}`)[0].count;

test('a test event is sent once per key', async () => {
  const before = await count('integration.deliveries');
  await twice(`/webhook-endpoints/${endpointId}/test`, { event_type: 'appointment.created' }, 201);
  expect(await count('integration.deliveries')).toBe(before + 1);
});

test('a delivery is sent again once per key', async () => {
  const sent = await partner.rest('POST', `/webhook-endpoints/${endpointId}/test`, {
    body: { event_type: 'appointment.created' },
    headers: { 'idempotency-key': randomUUID() },
  });
  const generation = async () => {
    const { body } = await partner.rest('GET', `/webhook-deliveries/${sent.body.id}`);
    return body.status === 'DELIVERED' ? body.generation : undefined;
  };
  const delivered = await eventually(generation);
  await twice(`/webhook-deliveries/${sent.body.id}/replay`, {}, 200);
  expect(await eventually(generation)).toBe(delivered + 1);
});

test('the made-up clinic is asked for an event once per key', async () => {
  const before = await count('integration.core_event_requests');
  await twice('/sandbox/events', { event_type: 'appointment.created' }, 201);
  expect(await count('integration.core_event_requests')).toBe(before + 1);
});
