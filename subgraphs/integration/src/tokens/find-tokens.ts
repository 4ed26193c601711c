import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { loadOne } from '@bridgework/kernel/loaders';
import { and, desc, eq, getTableColumns, inArray, max, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import type { Integration } from '../integrations/integration.ts';
import { integrations, tokens, tokenUses } from '../tables.ts';
import { type IntegrationToken, toToken } from './token.ts';

/** The hash never leaves the table but for the gateways' snapshot. */
const { secretHash: _secretHash, pepperId: _pepperId, ...columns } = getTableColumns(tokens);

/** Throws NOT_FOUND. */
export async function tokenById(tx: Tx | Db, id: string): Promise<IntegrationToken> {
  const [row] = await tx
    .select({ ...columns, integrationId: integrations.id })
    .from(tokens)
    .innerJoin(integrations, eq(integrations.key, tokens.integrationKey))
    .where(eq(tokens.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return toToken(row, row.integrationId);
}

const Page = z.object({ first: z.int(), after: z.string().optional() });

/** An integration's tokens, newest first. */
export async function findTokens(
  ctx: Context,
  integration: Integration,
  args: unknown,
): Promise<Connection<IntegrationToken>> {
  const { first, after } = parseInput(Page, args);
  const position = decodeInstantCursor(after);
  const rows = await ctx.db
    .select(columns)
    .from(tokens)
    .where(
      and(
        eq(tokens.integrationKey, integration.key),
        position
          ? sql`(${tokens.createdAt}, ${tokens.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(tokens.createdAt), desc(tokens.id))
    .limit(pageSize(first) + 1);
  const found = rows.map((row) => toToken(row, integration.id));
  return toConnection(found, first, after, ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }));
}

/** When a token was last used, as far as gateways have reported; null when never. Batched. */
export async function lastUseOfToken(ctx: Context, tokenKey: number): Promise<Date | null> {
  return (await loadLastUse(ctx, tokenKey))?.lastUsedAt ?? null;
}

const loadLastUse = loadOne(
  (ctx: Context, keys: readonly number[]) =>
    ctx.db
      .select({ tokenKey: tokenUses.tokenKey, lastUsedAt: max(tokenUses.lastUsedAt) })
      .from(tokenUses)
      .where(inArray(tokenUses.tokenKey, [...keys]))
      .groupBy(tokenUses.tokenKey),
  (use) => use.tokenKey,
);

/** The token that this one succeeds; null when it was not rotated from another. Batched. */
export async function predecessorOf(ctx: Context, { rotatedFromKey }: IntegrationToken): Promise<string | null> {
  return rotatedFromKey === null ? null : ((await loadId(ctx, rotatedFromKey))?.id ?? null);
}

const loadId = loadOne(
  (ctx: Context, keys: readonly number[]) =>
    ctx.db
      .select({ key: tokens.key, id: tokens.id })
      .from(tokens)
      .where(inArray(tokens.key, [...keys])),
  (token) => token.key,
);
