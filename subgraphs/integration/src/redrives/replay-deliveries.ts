import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { EVENT_TYPES } from '@bridgework/schema';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, instant, parseInput } from '../input.ts';
import { auditingRefusals, createOnce } from '../manager-step.ts';
import { integrations, webhookEndpoints } from '../tables.ts';
import { redriveById } from './find-redrives.ts';
import { belongsToRedrive, type Redrive } from './redrive.ts';

const ReplayFilter = z
  .strictObject({
    ids: z.array(z.string()).min(1).max(1_000).optional(),
    endpointId: z.string().optional(),
    integrationId: z.string().optional(),
    eventType: z.enum(EVENT_TYPES).optional(),
    from: instant.optional(),
    to: instant.optional(),
    includeDelivered: z.boolean().default(false),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
    path: ['to'],
    error: 'lies not behind from',
  });
const ReplayDeliveries = z.object({
  filter: ReplayFilter,
  dryRun: z.boolean().default(false),
  perSecond: z.int().min(1).max(10_000).default(500),
  idempotencyKey: idempotencyKey.optional(),
});
type Replay = z.output<typeof ReplayDeliveries>;

export interface ReplayOutcome {
  /** How many deliveries are meant now. */
  readonly matchedCount: number;
  /** Null after a dry run. */
  readonly redrive: Redrive | null;
}

const STEP = { action: 'webhook.redrive', entity: 'redrive' };

/**
 * Sends dead deliveries again, and with `includeDelivered` delivered ones: by id, endpoint, integration, type and time,
 * those that had ended when it was asked for. The workers do it, at most `perSecond`, across restarts, each once; a dry
 * run only counts.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, IDEMPOTENCY_KEY_MISSING without a key for what is no dry run,
 * IDEMPOTENCY_KEY_REUSED.
 */
export async function replayDeliveries(ctx: Context, args: unknown): Promise<ReplayOutcome> {
  const input = parseInput(ReplayDeliveries, args);
  if (input.dryRun) {
    return auditingRefusals(ctx, { ...STEP, entityId: null }, () =>
      ctx.db.transaction(async (tx) => ({ matchedCount: (await match(tx, input)).count, redrive: null })),
    );
  }
  if (input.idempotencyKey === undefined) throw new DomainError('IDEMPOTENCY_KEY_MISSING');
  return createOnce<ReplayOutcome>(
    ctx,
    STEP,
    { operation: 'replayDeliveries', idempotencyKey: input.idempotencyKey, input: [input.filter, input.perSecond] },
    async (tx, manager) => {
      const { values, count, lastKey } = await match(tx, input);
      // Drizzle would name every column; this role may fill these alone.
      const [row] = await tx.execute<{ id: string }>(sql`
        insert into integration.redrives (integration_key, endpoint_key, event_type, created_from, created_to,
          include_delivered, delivery_ids, per_second, matched_count, last_key, requested_by, status, finished_at)
        select ${values.integrationKey}::bigint, ${values.endpointKey}::bigint, ${values.eventType}::text,
          ${instantOf(values.createdFrom)}::timestamptz, ${instantOf(values.createdTo)}::timestamptz,
          ${values.includeDelivered}::boolean, ${idsOf(values.deliveryIds)}, ${input.perSecond}::integer, ${count}::bigint,
          ${lastKey}::bigint, ${actorOf(manager)}, case when ${count === 0} then 'DONE' else 'RUNNING' end,
          case when ${count === 0} then now() end
        returning id`);
      if (row === undefined) throw new Error('An insert returned nothing.');
      return { id: row.id, integrationId: input.filter.integrationId ?? null, result: await answer(tx, row.id) };
    },
    answer,
  );
}

async function answer(tx: Tx, id: string): Promise<ReplayOutcome> {
  const redrive = await redriveById(tx, id);
  return { matchedCount: redrive.matchedCount, redrive };
}

const instantOf = (date: Date | null): string | null => date?.toISOString() ?? null;

const idsOf = (ids: readonly string[] | null) =>
  ids === null
    ? sql`null::text[]`
    : sql`(select array_agg(id) from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) as id)`;

async function match(tx: Tx, { filter }: Replay) {
  const values = {
    integrationKey: await keyOf(tx, integrations, filter.integrationId),
    endpointKey: await keyOf(tx, webhookEndpoints, filter.endpointId),
    eventType: filter.eventType ?? null,
    createdFrom: filter.from ?? null,
    createdTo: filter.to ?? null,
    includeDelivered: filter.includeDelivered,
    deliveryIds: filter.ids ?? null,
  };
  const [row] = await tx.execute<{ count: number; last_key: string }>(sql`
    with r as (
      select ${values.integrationKey}::bigint as integration_key, ${values.endpointKey}::bigint as endpoint_key,
        ${values.eventType}::text as event_type, ${instantOf(values.createdFrom)}::timestamptz as created_from,
        ${instantOf(values.createdTo)}::timestamptz as created_to,
        ${values.includeDelivered}::boolean as include_delivered, ${idsOf(values.deliveryIds)} as delivery_ids,
        now()::timestamptz(3) as created_at
    )
    select count(*)::integer as count, coalesce(max(d.key), 0) as last_key
    from r, integration.deliveries d join integration.webhook_endpoints e on e.key = d.endpoint_key
    where ${belongsToRedrive}
  `);
  return { values, count: row?.count ?? 0, lastKey: Number(row?.last_key ?? 0) };
}

async function keyOf(
  tx: Tx,
  table: typeof integrations | typeof webhookEndpoints,
  id: string | undefined,
): Promise<number | null> {
  if (id === undefined) return null;
  const [row] = await tx.select({ key: table.key }).from(table).where(eq(table.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row.key;
}
