import { loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { sql } from 'drizzle-orm';
import { items } from '../tables.ts';
import { type Item, itemColumns } from './item.ts';

const byIds = prepared((db) =>
  db
    .select(itemColumns)
    .from(items)
    .where(sql`${items.id} = any(${sql.placeholder('ids')}::text[])`),
);

/** An item by public id; null when there is none. Batched per request. */
export const itemById = loadOne(
  (ctx, ids: readonly string[]): Promise<Item[]> => byIds(ctx, { ids }),
  (row) => row.id,
);
