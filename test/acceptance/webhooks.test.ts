import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import { verifyBody } from '../support/verify-body.ts';

let clinic: Clinic;
let secret: string;

beforeAll(async () => {
  clinic = await startClinic();
  const consumer = await clinic.partner({
    scopes: ['webhook:receive', 'read:appointments', 'read:visits', 'read:invoices', 'read:inventory'],
  });
  const { createWebhookEndpoint } = await clinic.huda.run(
    `mutation ($input: CreateWebhookEndpointInput!) {
      createWebhookEndpoint(input: $input, idempotencyKey: "endpoint") { secret endpoint { id } }
    }`,
    {
      input: {
        integrationId: consumer.integrationId,
        name: 'tests',
        url: clinic.receiver.url,
        eventTypes: [
          'appointment.created',
          'appointment.updated',
          'appointment.completed',
          'visit.completed',
          'invoice.created',
          'payment.received',
          'installment.overdue',
          'inventory.low_stock',
        ],
      },
    },
  );
  secret = createWebhookEndpoint.secret;
  const id = createWebhookEndpoint.endpoint.id;
  await eventually(async () => {
    const [row] = await clinic.owner`select status from integration.webhook_endpoints where id = ${id}`;
    return row?.status === 'ACTIVE';
  });
});
afterAll(() => clinic?.close());

const received = (type: string, entityId?: string) =>
  clinic.receiver.events.find(
    ({ payload }) => payload.event_type === type && (entityId === undefined || payload.entity_id === entityId),
  );

test('an appointment that the core completes reaches the receiver within a second, verified by every library', async () => {
  const asked = performance.now();
  await clinic.huda.run('mutation { simulateCoreEvent(type: "appointment.completed", idempotencyKey: "once") { id } }');
  const webhook = await eventually(() => received('appointment.completed'), { withinMs: 1_000 });
  expect(webhook.atMs - asked).toBeLessThan(1_000);

  const { headers, body } = webhook;
  expect(() => new StandardWebhook(secret).verify(body, headers)).not.toThrow();
  expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow();
  expect(verifyBody(body, secret)).toBe(true);
  expect(() => new StandardWebhook(secret).verify(`${body} `, headers)).toThrow();
  expect(verifyBody(body.replace('appointment', 'appointmemt'), secret)).toBe(false);
  expect(Object.keys(JSON.parse(body))).toEqual([
    'api_version',
    'data',
    'entity_id',
    'entity_type',
    'event_id',
    'event_type',
    'livemode',
    'occurred_at',
    'signature',
  ]);
  expect(headers['webhook-id']).toBe(webhook.payload.event_id);
  await clinic.audited({ action: 'webhook.deliver', result: 'OK' });
});

test.each([
  'appointment.created',
  'appointment.updated',
  'visit.completed',
  'invoice.created',
  'payment.received',
  'installment.overdue',
  'inventory.low_stock',
])('the core simulator can make %s happen', async (type) => {
  await clinic.omar.run(
    'mutation ($type: EventType!, $key: String!) { simulateCoreEvent(type: $type, idempotencyKey: $key) { id } }',
    {
      type,
      key: `simulate ${type}`,
    },
  );
  const { body, headers } = await eventually(() => received(type), { withinMs: 5_000 });
  expect(() => new StandardWebhook(secret).verify(body, headers)).not.toThrow();
});

test('raw SQL of the core emits the event too, and a rollback emits none', async () => {
  const [kept, undone] = await Promise.all([bookBySql('commit'), bookBySql('rollback')]);
  await eventually(() => received('appointment.created', kept));
  const events = await clinic.owner`select entity_id from outbox.events where entity_id in (${kept}, ${undone})`;
  expect(events.map(({ entity_id }) => entity_id)).toEqual([kept]);
});

let slot = 0;

/** Books a slot far from every other as the clinic's own application would; answers the appointment's id. */
async function bookBySql(end: 'commit' | 'rollback'): Promise<string> {
  slot += 1;
  const startsAt = new Date(Date.now() + (400 + slot) * 86_400_000);
  let id = '';
  await clinic.core
    .begin(async (tx) => {
      const [row] = await tx<{ id: string }[]>`
        insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
        select (select min(id) from appointment.patients), (select min(id) from appointment.providers),
          (select min(id) from appointment.chairs),
          ${startsAt}, ${new Date(startsAt.getTime() + 1_800_000)}
        returning id`;
      id = row?.id ?? '';
      if (end === 'rollback') throw new Error('undone');
    })
    .catch((error: Error) => {
      if (error.message !== 'undone') throw error;
    });
  return id;
}
