import type { TransactionSql } from 'postgres';
import type { ClinicDay } from './play.ts';

/** Takes from a shelf what is there, at most this much. Answers how many items this made low: 1 or 0. */
export async function useMaterial(
  tx: TransactionSql,
  visitId: string,
  { draw, quantity }: { readonly draw: number; readonly quantity: number },
  at: Date,
): Promise<number> {
  const [item] = await tx<{ key: string; on_hand: number; reorder_point: number }[]>`
    select key, on_hand, reorder_point from inventory.items where active order by key limit 1
    offset ${draw}::bigint % greatest((select count(*) from inventory.items where active), 1) for update`;
  if (item === undefined || item.on_hand === 0) return 0;
  const used = Math.min(quantity, item.on_hand);
  await tx`insert into inventory.visit_materials (visit_id, item_key, quantity, used_at)
    values (${visitId}, ${item.key}, ${used}, ${at})`;
  return item.on_hand > item.reorder_point && item.on_hand - used <= item.reorder_point ? 1 : 0;
}

const DELIVERIES_AT_MOST = 10;

/** In the morning the supplier brings what ran low. */
export async function restock({ sql, tally }: ClinicDay, at: Date): Promise<void> {
  const { count } = await sql`
    insert into inventory.stock_movements (item_key, quantity, reason, moved_at)
    select key, 2 * reorder_point + 20 - on_hand, 'PURCHASE', ${at} from inventory.items
    where active and on_hand <= reorder_point order by key limit ${DELIVERIES_AT_MOST}`;
  tally.restocked += count;
}

/** In the evening what has expired is thrown away: on a day on which nothing ran low by itself, down to the reorder point. */
export async function discardExpired(day: ClinicDay, at: Date): Promise<void> {
  if (!day.wanted.has('low stock')) return;
  const { count } = await day.sql`
    insert into inventory.stock_movements (item_key, quantity, reason, moved_at)
    select key, reorder_point - on_hand, 'WASTE', ${at} from inventory.items
    where active and on_hand > reorder_point order by on_hand - reorder_point, key limit 1`;
  day.tally.ranLow += count;
}
