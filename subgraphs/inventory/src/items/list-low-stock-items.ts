import { type Connection, decodeCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { PageArguments } from '@bridgework/kernel/page-loader';
import { preparedParts, type WhenGiven } from '@bridgework/kernel/prepared';
import { and, asc, eq, lte, sql } from 'drizzle-orm';
import { items } from '../tables.ts';
import { type Item, itemColumns } from './item.ts';

/**
 * Items in use that are at or below their reorder point, in the order (sku, id).
 *
 * @throws DomainError VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export async function listLowStockItems(ctx: Context, page: PageArguments): Promise<Connection<Item>> {
  const first = pageSize(page.first);
  const position = decodeCursor(page.after);
  const rows = await lowItems(ctx, { at: position?.at, id: position?.id, limit: first + 1 });
  return toConnection(rows, first, page.after, (row) => ({ at: row.sku, id: row.id }));
}

const lowItems = preparedParts((db, when: WhenGiven<'at' | 'id' | 'limit'>) =>
  db
    .select(itemColumns)
    .from(items)
    .where(
      and(
        eq(items.active, true),
        lte(items.onHand, items.reorderPoint),
        when('at', (at) => sql`(${items.sku}, ${items.id}) > (${at}, ${sql.placeholder('id')})`),
      ),
    )
    .orderBy(asc(items.sku), asc(items.id))
    .limit(sql.placeholder('limit')),
);
