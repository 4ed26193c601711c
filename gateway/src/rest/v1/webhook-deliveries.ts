import { EVENT_TYPES } from '@bridgework/schema';
import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { type Connection, pageFrom, pageOf } from '../paging.ts';
import { idOf, instant } from '../values.ts';

const DeliveryStatusV1 = z.enum(['PENDING', 'LEASED', 'DELIVERED', 'HELD', 'DEAD']);

const AttemptV1 = z.strictObject({
  number: z.int(),
  generation: z.int(),
  started_at: instant,
  duration_ms: z.int(),
  http_status: z.int().nullable().meta({ description: "Of the receiver's answer; null without one." }),
  outcome: z.string().meta({ description: 'ok, http, timeout, connect, tls, dns, blocked, and the like; open.' }),
});

const delivery = {
  id: idOf('dlv'),
  endpoint_id: idOf('whe'),
  event_id: idOf('evt'),
  event_type: z.enum(EVENT_TYPES),
  seq: z.int().meta({ description: "Position in the endpoint's gap-free order." }),
  status: DeliveryStatusV1,
  dead_reason: z.string().nullable().meta({ description: 'Why it was given up; open.' }),
  attempt_count: z.int(),
  generation: z.int().meta({ description: 'Raised by each replay.' }),
  next_attempt_at: instant.nullable(),
  created_at: instant,
  delivered_at: instant.nullable(),
};

export const WebhookDeliveryV1 = z.strictObject(delivery).meta({ id: 'WebhookDelivery' });
export const WebhookDeliveryDetailV1 = z
  .strictObject({ ...delivery, attempts: z.array(AttemptV1) })
  .meta({ id: 'WebhookDeliveryDetail' });

interface AttemptNode {
  readonly number: number;
  readonly generation: number;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly httpStatus: number | null;
  readonly outcome: string;
}

interface DeliveryNode {
  readonly id: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly seq: number;
  readonly status: string;
  readonly deadReason: string | null;
  readonly attemptCount: number;
  readonly generation: number;
  readonly nextAttemptAt: string | null;
  readonly createdAt: string;
  readonly deliveredAt: string | null;
}

const toDeliveryV1 = (node: DeliveryNode) => ({
  id: node.id,
  endpoint_id: node.endpointId,
  event_id: node.eventId,
  event_type: node.eventType,
  seq: node.seq,
  status: node.status,
  dead_reason: node.deadReason,
  attempt_count: node.attemptCount,
  generation: node.generation,
  next_attempt_at: node.nextAttemptAt,
  created_at: node.createdAt,
  delivered_at: node.deliveredAt,
});

const toAttemptV1 = (node: AttemptNode) => ({
  number: node.number,
  generation: node.generation,
  started_at: node.startedAt,
  duration_ms: node.durationMs,
  http_status: node.httpStatus,
  outcome: node.outcome,
});

interface SentNode {
  readonly delivery: DeliveryNode;
  readonly replayed: boolean;
}

const WRITE_REFUSALS = [
  'IDEMPOTENCY_KEY_MISSING',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_KEY_REUSED',
  'CONFLICT',
] as const;
const pathOf = ({ id }: { readonly id: string }): string => `/api/v1/webhook-deliveries/${id}`;

export const listWebhookDeliveriesV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/webhook-deliveries',
  tag: 'Webhooks',
  operation: 'WebhookDeliveriesV1',
  summary: 'List deliveries to the own endpoints, newest first.',
  personalData: false,
  sort: '-created_at,-id',
  query: z.strictObject({
    endpoint_id: idOf('whe').optional(),
    event_id: idOf('evt').optional(),
    event_type: z.enum(EVENT_TYPES).optional(),
    status: DeliveryStatusV1.optional(),
  }),
  answers: { 200: pageOf(WebhookDeliveryV1, 'WebhookDeliveryPage') },
  variables: ({ query, page }) => ({
    filter: {
      endpointId: query.endpoint_id ?? null,
      eventId: query.event_id ?? null,
      eventType: query.event_type ?? null,
      status: query.status ?? null,
    },
    ...page,
  }),
  toV1: (data: { readonly ownDeliveries: Connection<DeliveryNode> }) => pageFrom(data.ownDeliveries, toDeliveryV1),
});

export const getWebhookDeliveryV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/webhook-deliveries/{id}',
  tag: 'Webhooks',
  operation: 'WebhookDeliveryV1',
  summary: 'Read an own delivery with every attempt.',
  personalData: false,
  params: z.strictObject({ id: idOf('dlv') }),
  answers: { 200: WebhookDeliveryDetailV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly ownDelivery: (DeliveryNode & { readonly attempts: readonly AttemptNode[] }) | null }) => {
    const node = found(data.ownDelivery);
    return { ...toDeliveryV1(node), attempts: node.attempts.map(toAttemptV1) };
  },
});

export const replayWebhookDeliveryV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/webhook-deliveries/{id}/replay',
  tag: 'Webhooks',
  operation: 'ReplayWebhookDeliveryV1',
  action: 'webhook.replay',
  summary: 'Send an own delivery again, delivered or dead.',
  description:
    'Under the same event id, with a schedule that starts anew. One that is on its way already is 409 conflict.',
  idempotent: true,
  personalData: false,
  params: z.strictObject({ id: idOf('dlv') }),
  body: z.strictObject({}).meta({ id: 'ReplayRequest', description: 'Nothing: send `{}`.' }),
  answers: { 200: WebhookDeliveryV1 },
  refusals: [...WRITE_REFUSALS],
  variables: ({ params, idempotencyKey }) => ({ id: params.id, idempotencyKey }),
  outcome: (data: { readonly replayOwnDelivery: SentNode }) => ({
    status: 200,
    replayed: data.replayOwnDelivery.replayed,
  }),
  toV1: (data: { readonly replayOwnDelivery: SentNode }) => toDeliveryV1(data.replayOwnDelivery.delivery),
});

export const testWebhookEndpointV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/webhook-endpoints/{id}/test',
  tag: 'Webhooks',
  operation: 'TestWebhookEndpointV1',
  action: 'webhook_endpoint.test',
  summary: 'Send an own endpoint an event in which nothing is real.',
  description: 'Queued, signed, retried and on record as every event; `livemode` is false and its ids are zeros.',
  idempotent: true,
  personalData: false,
  params: z.strictObject({ id: idOf('whe') }),
  body: z.strictObject({ event_type: z.enum(EVENT_TYPES) }).meta({ id: 'TestEventRequest' }),
  answers: { 201: WebhookDeliveryV1 },
  refusals: [...WRITE_REFUSALS],
  location: pathOf,
  variables: ({ params, body, idempotencyKey }) => ({
    endpointId: params.id,
    eventType: body.event_type,
    idempotencyKey,
  }),
  outcome: (data: { readonly testOwnWebhookEndpoint: SentNode }) => ({
    status: 201,
    replayed: data.testOwnWebhookEndpoint.replayed,
  }),
  toV1: (data: { readonly testOwnWebhookEndpoint: SentNode }) => toDeliveryV1(data.testOwnWebhookEndpoint.delivery),
});
