import type { TransactionSql } from 'postgres';
import { only } from './only.ts';

interface Item {
  readonly id: string;
  readonly key: string;
}

/** Uses up an item down to its reorder point; when every shelf is low already, one is filled first. */
export async function useUpStock(tx: TransactionSql): Promise<string> {
  const item = (await findPlentiful(tx)) ?? (await refill(tx));
  await tx`insert into inventory.stock_movements (item_key, quantity, reason)
    select key, reorder_point - on_hand, 'USE' from inventory.items where key = ${item.key}`;
  return item.id;
}

async function findPlentiful(tx: TransactionSql): Promise<Item | undefined> {
  const [item] = await tx<Item[]>`
    select id, key from inventory.items where active and on_hand > reorder_point
    order by on_hand - reorder_point, key limit 1 for update skip locked`;
  return item;
}

async function refill(tx: TransactionSql): Promise<Item> {
  const item = only(
    await tx<Item[]>`select id, key from inventory.items where active order by key limit 1`,
    'The clinic keeps no stock.',
  );
  await tx`insert into inventory.stock_movements (item_key, quantity, reason)
    select key, reorder_point - on_hand + 20, 'PURCHASE' from inventory.items where key = ${item.key}`;
  return item;
}
