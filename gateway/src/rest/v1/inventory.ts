import { z } from 'zod';
import { defineRoute } from '../define-route.ts';
import { type Connection, pageFrom, pageOf } from '../paging.ts';
import { idOf } from '../values.ts';

export const LowStockItemV1 = z
  .strictObject({ id: idOf('itm'), sku: z.string(), name: z.string(), on_hand: z.int(), reorder_point: z.int() })
  .meta({ id: 'LowStockItem' });

interface ItemNode {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly onHand: number;
  readonly reorderPoint: number;
}

export const listLowStockV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/inventory/low-stock',
  tag: 'Inventory',
  operation: 'LowStockV1',
  summary: 'List items at or below their reorder point; never what they cost.',
  personalData: false,
  sort: 'sku,id',
  answers: { 200: pageOf(LowStockItemV1, 'LowStockPage') },
  variables: ({ page }) => ({ ...page }),
  toV1: (data: { readonly lowStockItems: Connection<ItemNode> }) =>
    pageFrom(data.lowStockItems, (item) => ({
      id: item.id,
      sku: item.sku,
      name: item.name,
      on_hand: item.onHand,
      reorder_point: item.reorderPoint,
    })),
});
