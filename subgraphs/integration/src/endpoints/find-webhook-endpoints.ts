import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
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

const FindWebhookEndpoints = z.object({
  integrationId: z.string().optional(),
  first: z.int(),
  after: z.string().optional(),
});

/** Endpoints that were not deleted, newest first by (createdAt, id). For managers. */
export async function findWebhookEndpoints(ctx: Context, args: unknown): Promise<Connection<WebhookEndpoint>> {
  const { integrationId, first, after } = parseInput(FindWebhookEndpoints, args);
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
