import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { loadMany } from '@bridgework/kernel/loaders';
import { EVENT_TYPES } from '@bridgework/schema';
import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { deliveries, deliveryAttempts, integrations, webhookEndpoints } from '../tables.ts';

const DELIVERY_STATES = ['PENDING', 'LEASED', 'DELIVERED', 'HELD', 'DEAD'] as const;

/** A delivery as the graph shows it. `key` stays inside. */
export interface Delivery {
  readonly key: number;
  readonly id: string;
  readonly endpointId: string;
  readonly integrationId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly seq: number;
  readonly status: (typeof DELIVERY_STATES)[number];
  readonly deadReason: string | null;
  readonly attemptCount: number;
  readonly nextAttemptAt: Date | null;
  readonly createdAt: Date;
  readonly deliveredAt: Date | null;
}

export interface DeliveryAttempt {
  readonly deliveryKey: number;
  readonly number: number;
  readonly generation: number;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly httpStatus: number | null;
  readonly outcome: string;
  readonly error: string | null;
  readonly responsePrefix: string | null;
}

const where = {
  endpointId: z.string().nullish(),
  integrationId: z.string().nullish(),
  eventType: z.enum(EVENT_TYPES).nullish(),
};
const page = { first: z.int(), after: z.string().optional() };
const FindDeliveries = z.object({
  filter: z.object({ ...where, eventId: z.string().nullish(), status: z.enum(DELIVERY_STATES).nullish() }).default({}),
  ...page,
});
const FindDeadLetters = z.object({ filter: z.object(where).default({}), ...page });

/** Deliveries, newest first by (createdAt, id). For managers. */
export const findDeliveries = (ctx: Context, args: unknown): Promise<Connection<Delivery>> =>
  find(ctx, parseInput(FindDeliveries, args));

/** What was given up, newest first by (createdAt, id). For managers. */
export async function findDeadLetters(ctx: Context, args: unknown): Promise<Connection<Delivery>> {
  const { filter, ...rest } = parseInput(FindDeadLetters, args);
  return find(ctx, { ...rest, filter: { ...filter, status: 'DEAD' } });
}

async function find(ctx: Context, input: z.output<typeof FindDeliveries>): Promise<Connection<Delivery>> {
  const { filter, first, after } = input;
  const position = decodeInstantCursor(after);
  const rows = await ctx.db
    .select({
      key: deliveries.key,
      id: deliveries.id,
      endpointId: webhookEndpoints.id,
      integrationId: integrations.id,
      eventId: deliveries.eventId,
      eventType: deliveries.eventType,
      seq: deliveries.seq,
      status: deliveries.state,
      deadReason: deliveries.deadReason,
      attemptCount: deliveries.attempts,
      nextAt: deliveries.nextAt,
      createdAt: deliveries.createdAt,
      deliveredAt: deliveries.deliveredAt,
    })
    .from(deliveries)
    .innerJoin(webhookEndpoints, eq(webhookEndpoints.key, deliveries.endpointKey))
    .innerJoin(integrations, eq(integrations.key, webhookEndpoints.integrationKey))
    .where(
      and(
        filter.endpointId ? eq(webhookEndpoints.id, filter.endpointId) : undefined,
        filter.integrationId ? eq(integrations.id, filter.integrationId) : undefined,
        filter.eventId ? eq(deliveries.eventId, filter.eventId) : undefined,
        filter.eventType ? eq(deliveries.eventType, filter.eventType) : undefined,
        filter.status ? eq(deliveries.state, filter.status) : undefined,
        position
          ? sql`(${deliveries.createdAt}, ${deliveries.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(deliveries.createdAt), desc(deliveries.id))
    .limit(pageSize(first) + 1);
  const found = rows.map(({ nextAt, ...row }) => ({ ...row, nextAttemptAt: row.status === 'PENDING' ? nextAt : null }));
  return toConnection(found, first, after, ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }));
}

/** Every attempt of a delivery, oldest first. Batched. */
export const loadAttempts: (ctx: Context, deliveryKey: number) => Promise<readonly DeliveryAttempt[]> = loadMany(
  (ctx: Context, keys: readonly number[]): Promise<readonly DeliveryAttempt[]> =>
    ctx.db
      .select({
        deliveryKey: deliveryAttempts.deliveryKey,
        number: deliveryAttempts.number,
        generation: deliveryAttempts.generation,
        startedAt: deliveryAttempts.startedAt,
        durationMs: deliveryAttempts.durationMs,
        httpStatus: deliveryAttempts.httpStatus,
        outcome: deliveryAttempts.outcome,
        error: deliveryAttempts.error,
        responsePrefix: deliveryAttempts.responsePrefix,
      })
      .from(deliveryAttempts)
      .where(inArray(deliveryAttempts.deliveryKey, [...keys]))
      .orderBy(asc(deliveryAttempts.key)),
  (attempt) => attempt.deliveryKey,
);
