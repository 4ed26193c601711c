import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { loadMany } from '@bridgework/kernel/loaders';
import { EVENT_TYPES } from '@bridgework/schema';
import { and, asc, desc, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import { z } from 'zod';
import { instant, parseInput } from '../input.ts';
import { demandIntegration } from '../partner-step.ts';
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
  /** Raised by each replay. */
  readonly generation: number;
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
  /** Made at this instant or later. */
  from: instant.nullish(),
  /** Made before this instant. */
  to: instant.nullish(),
};
const page = { first: z.int(), after: z.string().optional() };
const FindDeliveries = z.object({
  filter: z.object({ ...where, eventId: z.string().nullish(), status: z.enum(DELIVERY_STATES).nullish() }).default({}),
  ...page,
});
const FindDeadLetters = z.object({ filter: z.object(where).default({}), ...page });
const FindOwnDelivery = z.object({ id: z.string() });

/** Deliveries, newest first by (createdAt, id). For managers. */
export const findDeliveries = (ctx: Context, args: unknown): Promise<Connection<Delivery>> =>
  find(ctx, parseInput(FindDeliveries, args));

/** What was given up, newest first by (createdAt, id). For managers. */
export async function findDeadLetters(ctx: Context, args: unknown): Promise<Connection<Delivery>> {
  const { filter, ...rest } = parseInput(FindDeadLetters, args);
  return find(ctx, { ...rest, filter: { ...filter, status: 'DEAD' } });
}

/** The caller's own, newest first by (createdAt, id). Throws FORBIDDEN for anybody but an integration. */
export async function findOwnDeliveries(ctx: Context, args: unknown): Promise<Connection<Delivery>> {
  const { integrationId } = demandIntegration(ctx);
  const input = parseInput(FindDeliveries, args);
  return find(ctx, { ...input, filter: { ...input.filter, integrationId } });
}

/** One of the caller's own; null for a foreign one as for one that does not exist. Throws FORBIDDEN. */
export async function findOwnDelivery(ctx: Context, args: unknown): Promise<Delivery | null> {
  const { integrationId } = demandIntegration(ctx);
  const { id } = parseInput(FindOwnDelivery, args);
  const [row] = await select(ctx.db).where(and(eq(deliveries.id, id), eq(integrations.id, integrationId)));
  return row === undefined ? null : toDelivery(row);
}

/** Throws NOT_FOUND. */
export async function deliveryById(tx: Tx, id: string): Promise<Delivery> {
  const [row] = await select(tx).where(eq(deliveries.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return toDelivery(row);
}

const select = (db: Db | Tx) =>
  db
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
      generation: deliveries.generation,
      nextAt: deliveries.nextAt,
      createdAt: deliveries.createdAt,
      deliveredAt: deliveries.deliveredAt,
    })
    .from(deliveries)
    .innerJoin(webhookEndpoints, eq(webhookEndpoints.key, deliveries.endpointKey))
    .innerJoin(integrations, eq(integrations.key, webhookEndpoints.integrationKey));

type Row = Awaited<ReturnType<typeof select>>[number];

const toDelivery = ({ nextAt, ...row }: Row): Delivery => ({
  ...row,
  nextAttemptAt: row.status === 'PENDING' ? nextAt : null,
});

async function find(ctx: Context, input: z.output<typeof FindDeliveries>): Promise<Connection<Delivery>> {
  const { filter, first, after } = input;
  const position = decodeInstantCursor(after);
  const rows = await select(ctx.db)
    .where(
      and(
        filter.endpointId ? eq(webhookEndpoints.id, filter.endpointId) : undefined,
        filter.integrationId ? eq(integrations.id, filter.integrationId) : undefined,
        filter.eventId ? eq(deliveries.eventId, filter.eventId) : undefined,
        filter.eventType ? eq(deliveries.eventType, filter.eventType) : undefined,
        filter.status ? eq(deliveries.state, filter.status) : undefined,
        filter.from ? gte(deliveries.createdAt, filter.from) : undefined,
        filter.to ? lt(deliveries.createdAt, filter.to) : undefined,
        position
          ? sql`(${deliveries.createdAt}, ${deliveries.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(deliveries.createdAt), desc(deliveries.id))
    .limit(pageSize(first) + 1);
  const found = rows.map(toDelivery);
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
