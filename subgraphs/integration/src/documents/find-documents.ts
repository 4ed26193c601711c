import {
  type Connection,
  decodeCursor,
  decodeInstantCursor,
  pageSize,
  toConnection,
} from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { loadOne } from '@bridgework/kernel/loaders';
import { and, arrayContains, asc, count, desc, eq, inArray, max, or, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { DOCUMENT_STATUSES, documentSets, documents, documentUses, integrations } from '../tables.ts';
import { type DocumentSet, type PersistedDocument, toDocument, toDocumentSet } from './document-set.ts';

/** Throws NOT_FOUND. */
export async function documentSetById(tx: Tx | Db, id: string): Promise<DocumentSet> {
  const [row] = await tx
    .select({ set: documentSets, integrationId: integrations.id })
    .from(documentSets)
    .innerJoin(integrations, eq(integrations.key, documentSets.integrationKey))
    .where(eq(documentSets.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return toDocumentSet(row.set, row.integrationId);
}

const Page = z.object({ first: z.int(), after: z.string().optional() });
const FindDocumentSets = Page.extend({
  filter: z.object({ integrationId: z.string().optional(), status: z.enum(DOCUMENT_STATUSES).optional() }).default({}),
});

/** Sets of documents, newest first. */
export async function findDocumentSets(ctx: Context, args: unknown): Promise<Connection<DocumentSet>> {
  const { filter, first, after } = parseInput(FindDocumentSets, args);
  const position = decodeInstantCursor(after);
  const rows = await ctx.db
    .select({ set: documentSets, integrationId: integrations.id })
    .from(documentSets)
    .innerJoin(integrations, eq(integrations.key, documentSets.integrationKey))
    .where(
      and(
        filter.integrationId === undefined ? undefined : eq(integrations.id, filter.integrationId),
        filter.status === undefined ? undefined : eq(documentSets.status, filter.status),
        position
          ? sql`(${documentSets.registeredAt}, ${documentSets.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(documentSets.registeredAt), desc(documentSets.id))
    .limit(pageSize(first) + 1);
  const found = rows.map(({ set, integrationId }) => toDocumentSet(set, integrationId));
  return toConnection(found, first, after, ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }));
}

/** The documents of a set, by (name, id). */
export async function findDocuments(
  ctx: Context,
  set: DocumentSet,
  args: unknown,
): Promise<Connection<PersistedDocument>> {
  const { first, after } = parseInput(Page, args);
  const position = decodeCursor(after);
  const rows = await ctx.db
    .select()
    .from(documents)
    .where(
      and(
        eq(documents.documentSetKey, set.key),
        position ? sql`(${documents.name}, ${documents.hash}) > (${position.at}, ${position.id})` : undefined,
      ),
    )
    .orderBy(asc(documents.name), asc(documents.hash))
    .limit(pageSize(first) + 1);
  const found = rows.map((row) => toDocument(row, set));
  return toConnection(found, first, after, ({ name, id }) => ({ at: name, id }));
}

const FindDocument = z.object({ integrationId: z.string(), id: z.string() });

/** A document of this integration by its hash or one of its aliases; of several sets the newest. Null when none has it. */
export async function findPersistedDocument(ctx: Context, args: unknown): Promise<PersistedDocument | null> {
  const { integrationId, id } = parseInput(FindDocument, args);
  const [row] = await ctx.db
    .select({ document: documents, setId: documentSets.id, version: documentSets.version })
    .from(documents)
    .innerJoin(documentSets, eq(documentSets.key, documents.documentSetKey))
    .innerJoin(integrations, eq(integrations.key, documents.integrationKey))
    .where(and(eq(integrations.id, integrationId), or(eq(documents.hash, id), arrayContains(documents.aliases, [id]))))
    .orderBy(desc(documents.key))
    .limit(1);
  return row === undefined ? null : toDocument(row.document, { id: row.setId, version: row.version, integrationId });
}

const loadCount = loadOne(
  (ctx: Context, keys: readonly number[]) =>
    ctx.db
      .select({ setKey: documents.documentSetKey, count: count() })
      .from(documents)
      .where(inArray(documents.documentSetKey, [...keys]))
      .groupBy(documents.documentSetKey),
  (row) => row.setKey,
);

/** How many documents a set has. Batched. */
export const countDocuments = async (ctx: Context, set: DocumentSet): Promise<number> =>
  (await loadCount(ctx, set.key))?.count ?? 0;

const loadLastUse = loadOne(
  (ctx: Context, keys: readonly number[]) =>
    ctx.db
      .select({ documentKey: documentUses.documentKey, lastUsedAt: max(documentUses.lastUsedAt) })
      .from(documentUses)
      .where(inArray(documentUses.documentKey, [...keys]))
      .groupBy(documentUses.documentKey),
  (row) => row.documentKey,
);

/** When a document was last called, as far as gateways have reported; null when never. Batched. */
export const lastUseOfDocument = async (ctx: Context, document: PersistedDocument): Promise<Date | null> =>
  (await loadLastUse(ctx, document.key))?.lastUsedAt ?? null;
