import { idArgument } from '@bridgework/kernel/arguments';
import { type Connection, decodeCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { loadOne } from '@bridgework/kernel/loaders';
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { integrations } from '../tables.ts';
import { type Integration, type IntegrationRow, toIntegration } from './integration.ts';

/** Loads an integration for a reference or a field; null when there is none. Batched. */
export const loadIntegration = loadOne(
  async (ctx: Context, ids: readonly string[]) => {
    const rows = await ctx.db
      .select()
      .from(integrations)
      .where(inArray(integrations.id, [...ids]));
    return rows.map((row) => toIntegration(ctx, row));
  },
  (integration): string => integration.id,
);

/**
 * The integration, as far as this caller may know of it: a partner knows only itself, whatever id it asks for.
 *
 * @see docs/rules.md#foreign-integrations
 */
export async function visibleIntegration(ctx: Context, id: string | null | undefined): Promise<Integration | null> {
  if (id === null || id === undefined) return null;
  if (ctx.caller.kind === 'integration' && ctx.caller.integrationId !== id) return null;
  return loadIntegration(ctx, id);
}

const FindIntegration = z.object({ id: idArgument });

/** One integration of the register; null when there is none. */
export async function findIntegration(ctx: Context, args: unknown): Promise<Integration | null> {
  return loadIntegration(ctx, parseInput(FindIntegration, args).id);
}

/** Throws NOT_FOUND. */
export async function integrationById(ctx: Context, tx: Tx | Db, id: string): Promise<Integration> {
  const [row] = await tx.select().from(integrations).where(eq(integrations.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return toIntegration(ctx, row);
}

/** Takes the row for the rest of the transaction: decisions about one integration follow each other. Throws NOT_FOUND. */
export async function lockIntegration(tx: Tx, id: string): Promise<IntegrationRow> {
  const [row] = await tx.select().from(integrations).where(eq(integrations.id, id)).for('update');
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

/** As {@link lockIntegration}, by the key that another row refers to. */
export async function lockIntegrationByKey(tx: Tx, key: number): Promise<IntegrationRow> {
  const [row] = await tx.select().from(integrations).where(eq(integrations.key, key)).for('update');
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

const FindIntegrations = z.object({
  filter: z
    .object({ status: z.enum(['DRAFT', 'SUBMITTED', 'ACTIVE', 'PAUSED', 'DEPRECATED', 'REJECTED']).optional() })
    .default({}),
  first: z.int(),
  after: z.string().optional(),
});

/** The register, by (name, id). */
export async function findIntegrations(ctx: Context, args: unknown): Promise<Connection<Integration>> {
  const { filter, first, after } = parseInput(FindIntegrations, args);
  const position = decodeCursor(after);
  const rows = await ctx.db
    .select()
    .from(integrations)
    .where(
      and(
        filter.status ? eq(integrations.status, filter.status) : undefined,
        position ? sql`(${integrations.name}, ${integrations.id}) > (${position.at}, ${position.id})` : undefined,
      ),
    )
    .orderBy(asc(integrations.name), asc(integrations.id))
    .limit(pageSize(first) + 1);
  const found = rows.map((row) => toIntegration(ctx, row));
  return toConnection(found, first, after, ({ name, id }) => ({ at: name, id }));
}
