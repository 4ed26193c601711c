import { loadMany } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { asc, eq, sql } from 'drizzle-orm';
import { itemColumns } from '../items/item.ts';
import { items, visitMaterials } from '../tables.ts';

// The same item used twice in a visit is one line with the sum.
const byVisits = prepared((db) =>
  db
    .select({
      visitId: visitMaterials.visitId,
      quantity: sql<number>`sum(${visitMaterials.quantity})::int`,
      ...itemColumns,
    })
    .from(visitMaterials)
    .innerJoin(items, eq(items.key, visitMaterials.itemKey))
    .where(sql`${visitMaterials.visitId} = any(${sql.placeholder('ids')}::text[])`)
    .groupBy(visitMaterials.visitId, items.key)
    .orderBy(asc(visitMaterials.visitId), asc(items.sku)),
);

/** What a visit used up, by article number; never what it cost. Batched per request. */
export const materialsOfVisit = loadMany(
  async (ctx, ids: readonly string[]) =>
    (await byVisits(ctx, { ids })).map(({ visitId, quantity, ...item }) => ({ visitId, quantity, item })),
  (row) => row.visitId,
);
