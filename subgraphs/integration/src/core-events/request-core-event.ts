import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { EVENT_TYPES, type EventType } from '@bridgework/schema';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, parseInput } from '../input.ts';
import { type Created, createOnce } from '../manager-step.ts';
import { partnerOnce } from '../partner-step.ts';
import { secretsOf } from '../secrets.ts';
import { coreEventRequests } from '../tables.ts';

const SimulateCoreEvent = z.object({ type: z.enum(EVENT_TYPES), idempotencyKey });

export interface CoreEventRequest {
  readonly id: string;
  readonly type: EventType;
  readonly requestedAt: Date;
  /** Under this key it was asked for before, and nothing more will happen. */
  readonly replayed: boolean;
}

const STEP = { action: 'event.simulate', entity: 'core_event_request' };

/**
 * Leaves a request that the core simulator, as `core_app`, carries out by a real change; this layer itself never writes
 * what belongs to the clinic. For managers.
 *
 * Throws FORBIDDEN outside the sandbox, IDEMPOTENCY_KEY_REUSED.
 */
export async function simulateCoreEvent(ctx: Context, args: unknown): Promise<CoreEventRequest> {
  const { type, idempotencyKey } = parseInput(SimulateCoreEvent, args);
  const request = { operation: 'simulateCoreEvent', idempotencyKey, input: { type } };
  return createOnce(ctx, STEP, request, (tx) => leaveRequest(tx, ctx, type), requestedBefore);
}

/** As {@link simulateCoreEvent}, by an integration. Throws the same. */
export async function requestCoreEvent(ctx: Context, args: unknown): Promise<CoreEventRequest> {
  const { type, idempotencyKey } = parseInput(SimulateCoreEvent, args);
  const request = { operation: 'requestCoreEvent', idempotencyKey, input: { type } };
  return partnerOnce(ctx, STEP, request, (tx) => leaveRequest(tx, ctx, type), requestedBefore);
}

async function leaveRequest(tx: Tx, ctx: Context, type: EventType): Promise<Created<CoreEventRequest>> {
  if (secretsOf(ctx).environment !== 'sandbox') {
    throw new DomainError('FORBIDDEN', { detail: 'Events are simulated in the sandbox only.' });
  }
  const [row] = await tx
    .insert(coreEventRequests)
    .values({ eventType: type, requestedBy: actorOf(ctx.caller) })
    .returning({ id: coreEventRequests.id });
  if (row === undefined) throw new Error('An insert returned nothing.');
  const integrationId = ctx.caller.kind === 'integration' ? ctx.caller.integrationId : null;
  return { id: row.id, integrationId, result: await requestById(tx, row.id, false) };
}

const requestedBefore = (tx: Tx, id: string): Promise<CoreEventRequest> => requestById(tx, id, true);

async function requestById(tx: Tx, id: string, replayed: boolean): Promise<CoreEventRequest> {
  const [row] = await tx
    .select({
      id: coreEventRequests.id,
      type: coreEventRequests.eventType,
      requestedAt: coreEventRequests.createdAt,
    })
    .from(coreEventRequests)
    .where(eq(coreEventRequests.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return { ...row, type: row.type as EventType, replayed };
}
