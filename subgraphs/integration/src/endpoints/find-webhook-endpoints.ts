import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { demandIntegration } from '../partner-step.ts';
import { integrations, webhookEndpoints } from '../tables.ts';
import { endpointColumns, type WebhookEndpoint } from './endpoint.ts';

/** Throws NOT_FOUND. */
export async function endpointById(tx: Tx, id: string): Promise<WebhookEndpoint> {
  const [row] = await tx
    .select(endpointColumns)
    .from(webhookEndpoints)
    .innerJoin(integrations, eq(integrations.key, webhookEndpoints.integrationKey))
    .where(eq(webhookEndpoints.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

const page = { first: z.int(), after: z.string().optional() };
const FindWebhookEndpoints = z.object({ integrationId: z.string().optional(), ...page });
const FindOwnWebhookEndpoints = z.object(page);
const FindOwnWebhookEndpoint = z.object({ id: z.string() });

/** Endpoints that were not deleted, newest first by (createdAt, id). For managers. */
export const findWebhookEndpoints = (ctx: Context, args: unknown): Promise<Connection<WebhookEndpoint>> =>
  find(ctx, parseInput(FindWebhookEndpoints, args));

/** The caller's own, newest first. Throws FORBIDDEN for anybody but an integration. */
export const findOwnWebhookEndpoints = async (ctx: Context, args: unknown): Promise<Connection<WebhookEndpoint>> =>
  find(ctx, { ...parseInput(FindOwnWebhookEndpoints, args), integrationId: demandIntegration(ctx).integrationId });

/** One of the caller's own; null for a foreign one as for one that does not exist. Throws FORBIDDEN. */
export async function findOwnWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint | null> {
  const { id } = parseInput(FindOwnWebhookEndpoint, args);
  const { integrationId } = demandIntegration(ctx);
  const [row] = await ctx.db
    .select(endpointColumns)
    .from(webhookEndpoints)
    .innerJoin(integrations, eq(integrations.key, webhookEndpoints.integrationKey))
    .where(and(eq(webhookEndpoints.id, id), eq(integrations.id, integrationId), isNull(webhookEndpoints.deletedAt)));
  return row ?? null;
}

async function find(
  ctx: Context,
  { integrationId, first, after }: z.output<typeof FindWebhookEndpoints>,
): Promise<Connection<WebhookEndpoint>> {
  const position = decodeInstantCursor(after);
  const rows = await ctx.db
    .select(endpointColumns)
    .from(webhookEndpoints)
    .innerJoin(integrations, eq(integrations.key, webhookEndpoints.integrationKey))
    .where(
      and(
        isNull(webhookEndpoints.deletedAt),
        integrationId === undefined ? undefined : eq(integrations.id, integrationId),
        position === null
          ? undefined
          : sql`(${webhookEndpoints.createdAt}, ${webhookEndpoints.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`,
      ),
    )
    .orderBy(desc(webhookEndpoints.createdAt), desc(webhookEndpoints.id))
    .limit(pageSize(first) + 1);
  return toConnection(rows, first, after, ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }));
}
