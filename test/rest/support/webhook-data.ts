import { newId } from '@bridgework/kernel/ids';
import { connection } from './clinic-data.ts';

const at = '2026-03-01T08:30:00.000Z';

export const endpoint = (fields: Readonly<Record<string, unknown>> = {}) => ({
  id: newId('whe'),
  name: 'Front desk',
  url: 'https://partner.example/hook',
  status: 'ACTIVE',
  statusReason: null,
  eventTypes: ['appointment.created'],
  mode: 'SNAPSHOT',
  ordering: 'BEST_EFFORT',
  liveSecretCount: 1,
  verifiedAt: at,
  version: 3,
  createdAt: at,
  updatedAt: at,
  ...fields,
});

export const delivery = () => ({
  id: newId('dlv'),
  endpointId: newId('whe'),
  eventId: newId('evt'),
  eventType: 'appointment.created',
  seq: 7,
  status: 'DELIVERED',
  deadReason: null,
  attemptCount: 1,
  generation: 0,
  nextAttemptAt: null,
  createdAt: at,
  deliveredAt: at,
  attempts: [{ number: 1, generation: 0, startedAt: at, durationMs: 12, httpStatus: 204, outcome: 'ok' }],
});

const own = endpoint();
const sent = delivery();
const secret = { endpoint: own, secret: 'whsec_c2VjcmV0' };
const event = {
  seq: 7,
  eventId: sent.eventId,
  eventType: sent.eventType,
  occurredAt: at,
  payload: '{"signature":"v1,x"}',
};

const request = {
  id: newId('req'),
  tokenId: newId('tok'),
  method: 'GET',
  route: '/api/v1/appointments/{id}',
  status: 404,
  problem: 'NOT_FOUND',
  receivedAt: at,
  durationMs: 4,
};

/** What the graph answers about webhooks, and about what was asked. */
export const webhookRoot = {
  ownRequests: connection([request]),
  ownWebhookEndpoints: connection([own]),
  ownWebhookEndpoint: own,
  createOwnWebhookEndpoint: secret,
  updateOwnWebhookEndpoint: own,
  deleteOwnWebhookEndpoint: own,
  rotateOwnWebhookSecret: secret,
  testOwnWebhookEndpoint: { delivery: sent, replayed: true },
  ownDeliveries: connection([sent]),
  ownDelivery: sent,
  replayOwnDelivery: { delivery: sent, replayed: false },
  webhookEvents: {
    edges: [{ cursor: '7', node: event }],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: '7', endCursor: '7' },
  },
  requestCoreEvent: { id: 'cer_1', type: 'appointment.created', requestedAt: at, replayed: true },
};

export const webhookIds: Readonly<Record<string, string>> = {
  '/api/v1/webhook-endpoints/{id}': own.id,
  '/api/v1/webhook-endpoints/{id}/rotate-secret': own.id,
  '/api/v1/webhook-endpoints/{id}/test': own.id,
  '/api/v1/webhook-endpoints/{id}/events': own.id,
  '/api/v1/webhook-deliveries/{id}': sent.id,
  '/api/v1/webhook-deliveries/{id}/replay': sent.id,
};

export const webhookBodies: Readonly<Record<string, object>> = {
  '/api/v1/webhook-endpoints': { name: 'Front desk', event_types: ['appointment.created'] },
  '/api/v1/webhook-endpoints/{id}': { name: 'Other desk' },
  '/api/v1/webhook-endpoints/{id}/rotate-secret': {},
  '/api/v1/webhook-endpoints/{id}/test': { event_type: 'appointment.created' },
  '/api/v1/webhook-deliveries/{id}/replay': {},
  '/api/v1/sandbox/events': { event_type: 'appointment.created' },
};
