import { type Connection, decodeCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { currentGraph } from '../graph.ts';
import { parseInput } from '../input.ts';
import { DOCUMENT_STATUSES, documentSets, documents, integrations } from '../tables.ts';
import { findBroken, readContracts } from './break-documents.ts';
import { type PersistedDocument, toDocument } from './document-set.ts';

const Page = z.object({ first: z.int(), after: z.string().optional() });
const ListDocuments = Page.extend({
  filter: z
    .object({
      integrationId: z.string().optional(),
      status: z.enum(DOCUMENT_STATUSES).optional(),
      unusedForDays: z.int().min(1).max(3_650).optional(),
    })
    .default({}),
});

/** Documents of all integrations, by (name, id). `unusedForDays` finds what could be called and was not. */
export async function listDocuments(ctx: Context, args: unknown): Promise<Connection<PersistedDocument>> {
  const { filter, first, after } = parseInput(ListDocuments, args);
  const { integrationId, status, unusedForDays } = filter;
  return pageOf(ctx, first, after, [
    integrationId === undefined ? undefined : eq(integrations.id, integrationId),
    status === undefined ? undefined : eq(documents.status, status),
    unusedForDays === undefined ? undefined : isStale(ctx, unusedForDays),
  ]);
}

/** Callable since before then, and not called since. */
function isStale(ctx: Context, days: number): SQL {
  const since = new Date(ctx.now().getTime() - days * 86_400_000).toISOString();
  return sql`${documents.status} in ('ACTIVE', 'DEPRECATED') and ${documentSets.activatedAt} < ${since}::timestamptz
    and not exists (select 1 from integration.document_uses as used
      where used.document_key = ${documents.key} and used.last_used_at >= ${since}::timestamptz)`;
}

/**
 * Documents that are BROKEN, and those that are still callable but do not fit the graph of this build: they break when a
 * gateway starts with it.
 */
export async function findBrokenDocuments(ctx: Context, args: unknown): Promise<Connection<PersistedDocument>> {
  const { first, after } = parseInput(Page, args);
  const unfit = findBroken(currentGraph(), await readContracts(ctx.db));
  const reasons = new Map(unfit.map((one) => [`${one.integration_id} ${one.document_id}`, one.reasons]));
  const pairs = JSON.stringify(unfit.map((one) => ({ i: one.integration_id, d: one.document_id })));
  const isBroken = sql`(${documents.status} = 'BROKEN' or ${documents.status} in ('ACTIVE', 'DEPRECATED')
    and (${integrations.id}, ${documents.hash}) in (
      select i, d from jsonb_to_recordset(${pairs}::text::jsonb) as unfit (i text, d text)))`;
  const page = await pageOf(ctx, first, after, [isBroken]);
  const edges = page.edges.map(({ cursor, node }) => {
    const brokenBecause = reasons.get(`${node.integrationId} ${node.id}`) ?? node.brokenBecause;
    return { cursor, node: { ...node, brokenBecause } };
  });
  return { ...page, edges };
}

async function pageOf(
  ctx: Context,
  first: number,
  after: string | undefined,
  conditions: readonly (SQL | undefined)[],
): Promise<Connection<PersistedDocument>> {
  const position = decodeCursor(after);
  const rows = await ctx.db
    .select({
      document: documents,
      set: { id: documentSets.id, version: documentSets.version },
      integrationId: integrations.id,
    })
    .from(documents)
    .innerJoin(documentSets, eq(documentSets.key, documents.documentSetKey))
    .innerJoin(integrations, eq(integrations.key, documents.integrationKey))
    .where(
      and(
        ...conditions,
        position ? sql`(${documents.name}, ${documents.id}) > (${position.at}, ${position.id})` : undefined,
      ),
    )
    .orderBy(asc(documents.name), asc(documents.id))
    .limit(pageSize(first) + 1);
  const found = rows.map(({ document, set, integrationId }) => ({
    ...toDocument(document, { ...set, integrationId }),
    // A text may stand in several sets; this tells its rows apart.
    publicId: document.id,
  }));
  return toConnection(found, first, after, ({ name, publicId }) => ({ at: name, id: publicId }));
}
