import { EVENTS, EventPayload, type EventType } from '@bridgework/schema';
import { z } from 'zod';
import { describeInline, type JsonSchema } from './describe-schema.ts';

/** What OpenAPI tells of a refusal. */
export const PROBLEM_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'A refusal, after RFC 9457. A problem type may have members of its own.',
  required: ['type', 'title', 'status', 'instance', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri-reference', description: 'Names the problem; readable there.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', examples: ['urn:request:req_7v2k9m4x0c8n5b1d6f3g7h2j4k'] },
    request_id: { type: 'string' },
    scope: { type: 'string', description: 'With insufficient-scope: what is required.' },
    missing_scopes: {
      type: 'array',
      items: { type: 'string' },
      description: 'With insufficient-scope: what the integration was not approved for.',
    },
    balance_minor: { type: 'integer', description: 'With amount-exceeds-balance and its like: what is owed.' },
    currency: { type: 'string', description: 'Of balance_minor.' },
    version: { type: 'integer', description: 'With precondition-failed: what is current.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'RFC 6901: into the body, or the name of a parameter.' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};

/** What OpenAPI tells of an event's delivery. */
export function describeWebhook(type: EventType): JsonSchema {
  const { entityType, readScope, published } = EVENTS[type];
  const payload = EventPayload.extend({
    event_type: z.literal(type),
    entity_type: z.literal(entityType),
    data: published,
  });
  return {
    operationId: `on_${type.replace('.', '_')}`,
    tags: ['Webhooks'],
    security: [],
    summary: `Sent to subscribed endpoints of an integration with ${readScope}.`,
    description:
      'Signed after Standard Webhooks 1.0, by headers and in the body. Delivered at least once: webhook-id is the same for each ' +
      'attempt. Answer 2xx within ten seconds.',
    parameters: ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => ({
      name,
      in: 'header',
      required: true,
      schema: { type: 'string' },
    })),
    requestBody: { required: true, content: { 'application/json': { schema: describeInline(payload, 'input') } } },
    responses: { '2XX': { description: 'Received. Anything else is tried again.' } },
  };
}
