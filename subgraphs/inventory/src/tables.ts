import { bigint, boolean, integer, pgSchema, text, timestamp } from 'drizzle-orm/pg-core';

/**
 * What this subgraph reads of its schema; schema/migrations is the law, a test compares the two. What an item cost is
 * left out on purpose: our role may not read it, and a column that is not here cannot be selected by mistake.
 */
const schema = pgSchema('inventory');

const key = () => bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity();
const instant = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' });

export const items = schema.table('items', {
  key: key(),
  id: text().notNull(),
  sku: text().notNull(),
  name: text().notNull(),
  unit: text().notNull(),
  onHand: integer().notNull(),
  reorderPoint: integer().notNull(),
  active: boolean().notNull(),
  createdAt: instant().notNull(),
  updatedAt: instant().notNull(),
});

export const visitMaterials = schema.table('visit_materials', {
  key: key(),
  visitId: text().notNull(),
  itemKey: bigint({ mode: 'number' }).notNull(),
  quantity: integer().notNull(),
  usedAt: instant().notNull(),
});
