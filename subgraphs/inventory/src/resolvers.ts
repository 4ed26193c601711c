import { parseArguments } from '@bridgework/kernel/arguments';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { z } from 'zod';
import { isLow } from './items/item.ts';
import { listLowStockItems } from './items/list-low-stock-items.ts';
import { materialsOfVisit } from './materials/load-materials.ts';
import { resolveInventoryItem, resolveVisit } from './references.ts';

const page = z.strictObject({ first: z.int(), after: z.string().nullish() });

export const resolvers: Resolvers = {
  Query: {
    lowStockItems: (_: never, input: unknown, ctx) => listLowStockItems(ctx, parseArguments(page, input)),
  },
  InventoryItem: { __resolveReference: resolveInventoryItem, lowStock: isLow },
  Visit: {
    __resolveReference: resolveVisit,
    materialsUsed: ({ id }: { readonly id: string }, _: unknown, ctx) => materialsOfVisit(ctx, id),
  },
};
