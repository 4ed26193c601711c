import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { and, desc, eq, max, sql, sum } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { integrations, tokens, tokenUses } from '../tables.ts';

/** What an integration was seen to use, all its tokens together. */
export interface ObservedOperation {
  readonly integrationId: string;
  /** A document's id or a REST operation's name. */
  readonly operation: string;
  readonly count: number;
  readonly lastUsedAt: Date;
}

const FindObservedOperations = z.object({
  integrationId: z.string().optional(),
  first: z.int(),
  after: z.string().optional(),
});

/** What was used, last used first; to be compared with what was declared. */
export async function findObservedOperations(ctx: Context, args: unknown): Promise<Connection<ObservedOperation>> {
  const { integrationId, first, after } = parseInput(FindObservedOperations, args);
  const position = decodeInstantCursor(after);
  const lastUsedAt = max(tokenUses.lastUsedAt);
  const name = sql<string>`${integrations.id} || ' ' || ${tokenUses.operation}`;
  const rows = await ctx.db
    .select({
      integrationId: integrations.id,
      operation: tokenUses.operation,
      count: sum(tokenUses.useCount).mapWith(Number),
      lastUsedAt,
    })
    .from(tokenUses)
    .innerJoin(tokens, eq(tokens.key, tokenUses.tokenKey))
    .innerJoin(integrations, eq(integrations.key, tokens.integrationKey))
    .where(integrationId === undefined ? undefined : eq(integrations.id, integrationId))
    .groupBy(integrations.id, tokenUses.operation)
    .having(
      and(
        position
          ? sql`(${lastUsedAt}, ${name}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(lastUsedAt), desc(name))
    .limit(pageSize(first) + 1);
  // A group has rows, hence both instants.
  const found = rows as ObservedOperation[];
  return toConnection(found, first, after, (row) => ({
    at: row.lastUsedAt.toISOString(),
    id: `${row.integrationId} ${row.operation}`,
  }));
}
