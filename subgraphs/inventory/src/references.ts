import type { Context } from '@bridgework/kernel/context';
import { itemById } from './items/load-items.ts';

interface Key {
  readonly id: string;
}

export const resolveInventoryItem = ({ id }: Key, ctx: Context) => itemById(ctx, id);

/** Visits belong to the appointment subgraph, which says whether there is one; here only materials hang on the id. */
export const resolveVisit = ({ id }: Key): Key => ({ id });
