import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { and, desc, eq, gte, sql } from 'drizzle-orm';
import { z } from 'zod';
import { instant, parseInput } from '../input.ts';
import { demandIntegration } from '../partner-step.ts';
import { integrations, restRequests, tokens } from '../tables.ts';

/** A request of the REST API, as its sender may look it up. */
export interface RestRequest {
  readonly id: string;
  readonly tokenId: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly problem: string | null;
  readonly receivedAt: Date;
  readonly durationMs: number;
}

const FindOwnRequests = z.object({
  filter: z
    .object({
      id: z.string().nullish(),
      tokenId: z.string().nullish(),
      /** Received at this instant or later. */
      since: instant.nullish(),
    })
    .nullish(),
  first: z.int(),
  after: z.string().optional(),
});

/**
 * What the caller's integration has asked of the REST API in the last seven days, newest first by (receivedAt, id). A
 * request is there a moment after it was answered. Throws FORBIDDEN for anybody but an integration.
 */
export async function findOwnRequests(ctx: Context, args: unknown): Promise<Connection<RestRequest>> {
  const { integrationId } = demandIntegration(ctx);
  const { filter, first, after } = parseInput(FindOwnRequests, args);
  const position = decodeInstantCursor(after);
  const rows = await ctx.db
    .select({
      id: restRequests.id,
      tokenId: tokens.id,
      method: restRequests.method,
      route: restRequests.route,
      status: restRequests.status,
      problem: restRequests.problem,
      receivedAt: restRequests.receivedAt,
      durationMs: restRequests.durationMs,
    })
    .from(restRequests)
    .innerJoin(integrations, eq(integrations.key, restRequests.integrationKey))
    .innerJoin(tokens, eq(tokens.key, restRequests.tokenKey))
    .where(
      and(
        eq(integrations.id, integrationId),
        filter?.id ? eq(restRequests.id, filter.id) : undefined,
        filter?.tokenId ? eq(tokens.id, filter.tokenId) : undefined,
        filter?.since ? gte(restRequests.receivedAt, filter.since) : undefined,
        position
          ? sql`(${restRequests.receivedAt}, ${restRequests.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(restRequests.receivedAt), desc(restRequests.id))
    .limit(pageSize(first) + 1);
  return toConnection(rows, first, after, ({ receivedAt, id }) => ({ at: receivedAt.toISOString(), id }));
}
