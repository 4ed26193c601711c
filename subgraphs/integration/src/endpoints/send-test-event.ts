import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { EVENT_SAMPLES, EVENT_TYPES, EVENTS, type EventType } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { type Delivery, deliveryById } from '../deliveries/find-deliveries.ts';
import { type SentDelivery, sentBefore } from '../deliveries/replay-delivery.ts';
import { idempotencyKey, parseInput } from '../input.ts';
import { createOnce } from '../manager-step.ts';
import { partnerOnce } from '../partner-step.ts';
import { demandEventScopes, type LockedEndpoint, lockEndpoint } from './change-endpoint.ts';

const SendTestEvent = z.object({ endpointId: z.string(), eventType: z.enum(EVENT_TYPES), idempotencyKey });

const STEP = { action: 'webhook_endpoint.test', entity: 'delivery' };

/**
 * Sends one endpoint an event of this type that says nothing real (`livemode` false, ids of zeros), the way every event
 * goes: queued, signed, retried, on record. The endpoint need not subscribe to the type; its integration needs the scope.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT when the endpoint is not active, INSUFFICIENT_SCOPE,
 * IDEMPOTENCY_KEY_REUSED.
 */
export async function sendTestEvent(ctx: Context, args: unknown): Promise<Delivery> {
  const { idempotencyKey: key, ...input } = parseInput(SendTestEvent, args);
  return createOnce(
    ctx,
    STEP,
    { operation: 'sendTestEvent', idempotencyKey: key, input },
    async (tx) => send(tx, await lockEndpoint(tx, input.endpointId), input.eventType),
    deliveryById,
  );
}

/** As {@link sendTestEvent}, by the integration to its own endpoint. Throws the same. */
export async function testOwnWebhookEndpoint(ctx: Context, args: unknown): Promise<SentDelivery> {
  const { idempotencyKey: key, ...input } = parseInput(SendTestEvent, args);
  return partnerOnce(
    ctx,
    STEP,
    { operation: 'testOwnWebhookEndpoint', idempotencyKey: key, input },
    async (tx, partner) => {
      const endpoint = await lockEndpoint(tx, input.endpointId, partner.integrationId);
      const { result: delivery, ...sent } = await send(tx, endpoint, input.eventType);
      return { ...sent, result: { delivery, replayed: false } };
    },
    sentBefore,
  );
}

async function send(tx: Tx, endpoint: LockedEndpoint, type: EventType) {
  demandEventScopes(endpoint.approvedScopes, [type]);
  const { entityId, data } = EVENT_SAMPLES[type];
  const [row] = await tx.execute<{ id: string | null }>(sql`
    select integration.emit_test_event(${endpoint.id}, ${type}, ${EVENTS[type].entityType}, ${entityId},
      ${JSON.stringify(data)}::text::jsonb) as id`);
  const id = row?.id ?? null;
  if (id === null) {
    throw new DomainError('CONFLICT', {
      detail: `The endpoint is ${endpoint.status}; only an ACTIVE one is sent events.`,
      members: { status: endpoint.status },
    });
  }
  return { id, integrationId: endpoint.integrationId, result: await deliveryById(tx, id) };
}
