import { EVENT_TYPES } from '@bridgework/schema';
import { z } from 'zod';
import { defineRoute } from '../define-route.ts';
import { instant } from '../values.ts';

export const CoreEventRequestV1 = z
  .strictObject({ id: z.string(), event_type: z.enum(EVENT_TYPES), requested_at: instant })
  .meta({ id: 'SandboxEvent' });

interface RequestNode {
  readonly id: string;
  readonly type: string;
  readonly requestedAt: string;
  readonly replayed: boolean;
}

export const requestSandboxEventV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/sandbox/events',
  tag: 'Sandbox',
  operation: 'RequestSandboxEventV1',
  action: 'event.simulate',
  summary: 'Ask the made-up clinic for a real change that emits this event.',
  description:
    'In the sandbox alone. The clinic completes an appointment, takes a payment, or whatever the event tells of; the event then goes to ' +
    'every endpoint that wants it.',
  idempotent: true,
  personalData: false,
  body: z.strictObject({ event_type: z.enum(EVENT_TYPES) }).meta({ id: 'SandboxEventRequest' }),
  answers: { 201: CoreEventRequestV1 },
  refusals: ['FORBIDDEN', 'IDEMPOTENCY_KEY_MISSING', 'IDEMPOTENCY_IN_PROGRESS', 'IDEMPOTENCY_KEY_REUSED'],
  variables: ({ body, idempotencyKey }) => ({ type: body.event_type, idempotencyKey }),
  outcome: ({ requestCoreEvent: { replayed } }: { readonly requestCoreEvent: RequestNode }) => ({
    status: 201,
    replayed,
  }),
  toV1: ({ requestCoreEvent: node }: { readonly requestCoreEvent: RequestNode }) => ({
    id: node.id,
    event_type: node.type,
    requested_at: node.requestedAt,
  }),
});
