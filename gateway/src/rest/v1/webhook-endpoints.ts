import { EVENT_TYPES } from '@bridgework/schema';
import { z } from 'zod';
import { defineRoute, found, NO_CONTENT } from '../define-route.ts';
import { type Connection, pageFrom, pageOf } from '../paging.ts';
import { idOf, instant } from '../values.ts';

const eventTypes = z.array(z.enum(EVENT_TYPES)).min(1).max(EVENT_TYPES.length);
const url = z.string().min(1).max(2000).meta({
  format: 'uri',
  description: 'https in production. It has to answer a signed challenge before events are sent to it.',
});
const name = z.string().min(1).max(100);
const mode = z.enum(['SNAPSHOT', 'THIN']).meta({ description: 'THIN events name the entity alone.' });
const ordering = z.enum(['BEST_EFFORT', 'ENTITY']).meta({
  description: 'ENTITY: the next event of an entity waits for the previous one.',
});

export const WebhookEndpointV1 = z
  .strictObject({
    id: idOf('whe'),
    name: z.string(),
    url: z.string().nullable().meta({ description: 'Null for an endpoint that is only fetched from.' }),
    status: z.enum(['PENDING_VERIFICATION', 'ACTIVE', 'PAUSED', 'DISABLED']),
    status_reason: z.string().nullable(),
    event_types: z.array(z.enum(EVENT_TYPES)),
    mode,
    ordering,
    live_secret_count: z.int().meta({ description: 'How many secrets sign its deliveries now.' }),
    verified_at: instant.nullable(),
    version: z.int().meta({ description: 'Raised by each change.' }),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'WebhookEndpoint' });

export interface EndpointNode {
  readonly id: string;
  readonly name: string;
  readonly url: string | null;
  readonly status: string;
  readonly statusReason: string | null;
  readonly eventTypes: readonly string[];
  readonly mode: string;
  readonly ordering: string;
  readonly liveSecretCount: number;
  readonly verifiedAt: string | null;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const toEndpointV1 = (node: EndpointNode) => ({
  id: node.id,
  name: node.name,
  url: node.url,
  status: node.status,
  status_reason: node.statusReason,
  event_types: node.eventTypes,
  mode: node.mode,
  ordering: node.ordering,
  live_secret_count: node.liveSecretCount,
  verified_at: node.verifiedAt,
  version: node.version,
  created_at: node.createdAt,
  updated_at: node.updatedAt,
});

export const WebhookEndpointSecretV1 = z
  .strictObject({
    endpoint: WebhookEndpointV1,
    secret: z
      .string()
      .nullable()
      .meta({ description: '`whsec_…`, shown this once; null when this answer repeats an earlier one.' }),
  })
  .meta({ id: 'WebhookEndpointSecret' });

interface SecretNode {
  readonly endpoint: EndpointNode;
  readonly secret: string | null;
}

const toSecretV1 = ({ endpoint, secret }: SecretNode) => ({ endpoint: toEndpointV1(endpoint), secret });
/** A secret is kept from whoever repeats the request: that is how a repetition shows. */
const isReplay = ({ secret }: SecretNode): boolean => secret === null;

const ID = z.strictObject({ id: idOf('whe') });
const CREATE_REFUSALS = [
  'IDEMPOTENCY_KEY_MISSING',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_KEY_REUSED',
  'CONFLICT',
] as const;
const pathOf = ({ id }: { readonly id: string }): string => `/api/v1/webhook-endpoints/${id}`;

export const listWebhookEndpointsV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/webhook-endpoints',
  tag: 'Webhooks',
  operation: 'WebhookEndpointsV1',
  summary: 'List the own endpoints, newest first.',
  personalData: false,
  sort: '-created_at,-id',
  answers: { 200: pageOf(WebhookEndpointV1, 'WebhookEndpointPage') },
  variables: ({ page }) => ({ ...page }),
  toV1: (data: { readonly ownWebhookEndpoints: Connection<EndpointNode> }) =>
    pageFrom(data.ownWebhookEndpoints, toEndpointV1),
});

export const getWebhookEndpointV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/webhook-endpoints/{id}',
  tag: 'Webhooks',
  operation: 'WebhookEndpointV1',
  summary: 'Read an own endpoint.',
  description: 'Its ETag is what a change sends back as If-Match.',
  personalData: false,
  params: ID,
  answers: { 200: WebhookEndpointV1 },
  versionOf: ({ version }) => version,
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly ownWebhookEndpoint: EndpointNode | null }) => toEndpointV1(found(data.ownWebhookEndpoint)),
});

export const createWebhookEndpointV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/webhook-endpoints',
  tag: 'Webhooks',
  operation: 'CreateWebhookEndpointV1',
  action: 'webhook_endpoint.create',
  summary: 'Create an endpoint; its secret is shown once.',
  description:
    'With a `url` events are pushed once it has answered the challenge; without one they are fetched from the feed. Each event ' +
    'needs the read scope of what it tells of.',
  idempotent: true,
  personalData: false,
  body: z
    .strictObject({
      name,
      url: url.optional(),
      event_types: eventTypes,
      mode: mode.optional(),
      ordering: ordering.optional(),
    })
    .meta({ id: 'WebhookEndpointRequest' }),
  answers: { 201: WebhookEndpointSecretV1 },
  refusals: [...CREATE_REFUSALS],
  location: ({ endpoint }) => pathOf(endpoint),
  variables: ({ body, idempotencyKey }) => ({
    idempotencyKey,
    input: {
      name: body.name,
      eventTypes: body.event_types,
      ...(body.url === undefined ? {} : { url: body.url }),
      ...(body.mode === undefined ? {} : { mode: body.mode }),
      ...(body.ordering === undefined ? {} : { ordering: body.ordering }),
    },
  }),
  outcome: (data: { readonly createOwnWebhookEndpoint: SecretNode }) => ({
    status: 201,
    replayed: isReplay(data.createOwnWebhookEndpoint),
  }),
  toV1: (data: { readonly createOwnWebhookEndpoint: SecretNode }) => toSecretV1(data.createOwnWebhookEndpoint),
});

export const updateWebhookEndpointV1 = defineRoute({
  method: 'PATCH',
  path: '/api/v1/webhook-endpoints/{id}',
  tag: 'Webhooks',
  operation: 'UpdateWebhookEndpointV1',
  action: 'webhook_endpoint.update',
  summary: 'Change what is given of an own endpoint.',
  description: 'A changed URL has to answer the challenge anew; what happens meanwhile is kept for it.',
  personalData: false,
  ifMatch: true,
  params: ID,
  body: z
    .strictObject({
      name: name.optional(),
      url: url.optional(),
      event_types: eventTypes.optional(),
      mode: mode.optional(),
      ordering: ordering.optional(),
    })
    .meta({ id: 'WebhookEndpointChange' }),
  answers: { 200: WebhookEndpointV1 },
  refusals: ['CONFLICT'],
  versionOf: ({ version }) => version,
  variables: ({ params, body, version }) => ({
    id: params.id,
    version,
    input: {
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.url === undefined ? {} : { url: body.url }),
      ...(body.event_types === undefined ? {} : { eventTypes: body.event_types }),
      ...(body.mode === undefined ? {} : { mode: body.mode }),
      ...(body.ordering === undefined ? {} : { ordering: body.ordering }),
    },
  }),
  toV1: (data: { readonly updateOwnWebhookEndpoint: EndpointNode }) => toEndpointV1(data.updateOwnWebhookEndpoint),
});

export const deleteWebhookEndpointV1 = defineRoute({
  method: 'DELETE',
  path: '/api/v1/webhook-endpoints/{id}',
  tag: 'Webhooks',
  operation: 'DeleteWebhookEndpointV1',
  action: 'webhook_endpoint.delete',
  summary: 'End an own endpoint for good.',
  description: 'What still waits for it is not sent; what it was sent stays on record.',
  personalData: false,
  ifMatch: true,
  params: ID,
  answers: { 204: NO_CONTENT },
  variables: ({ params, version }) => ({ id: params.id, version }),
  toV1: () => null,
});

export const rotateWebhookSecretV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/webhook-endpoints/{id}/rotate-secret',
  tag: 'Webhooks',
  operation: 'RotateWebhookSecretV1',
  action: 'webhook_endpoint.rotate_secret',
  summary: 'Give an own endpoint a new secret, shown once.',
  description:
    'Deliveries are signed with the new and the old secret until the grace has passed; with 0 days the old ones end at once.',
  idempotent: true,
  personalData: false,
  params: ID,
  body: z
    .strictObject({ grace_days: z.int().min(0).max(7).optional().meta({ description: '1 unless told.' }) })
    .meta({ id: 'SecretRotationRequest' }),
  answers: { 200: WebhookEndpointSecretV1 },
  refusals: [...CREATE_REFUSALS],
  variables: ({ params, body, idempotencyKey }) => ({
    id: params.id,
    idempotencyKey,
    graceDays: body.grace_days ?? 1,
  }),
  outcome: (data: { readonly rotateOwnWebhookSecret: SecretNode }) => ({
    status: 200,
    replayed: isReplay(data.rotateOwnWebhookSecret),
  }),
  toV1: (data: { readonly rotateOwnWebhookSecret: SecretNode }) => toSecretV1(data.rotateOwnWebhookSecret),
});
