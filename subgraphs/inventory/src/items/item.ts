import { items } from '../tables.ts';

/** What the graph shows of an item. */
export const itemColumns = {
  id: items.id,
  sku: items.sku,
  name: items.name,
  onHand: items.onHand,
  reorderPoint: items.reorderPoint,
};

export type Item = Pick<typeof items.$inferSelect, keyof typeof itemColumns>;

/** At its reorder point an item is low already: the last one is not the moment to order. */
export const isLow = ({ onHand, reorderPoint }: Item): boolean => onHand <= reorderPoint;
