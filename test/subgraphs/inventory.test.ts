import { subgraph } from '@bridgework/inventory';
import { newId } from '@bridgework/kernel/ids';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

let database: TestDatabase;
let stock: SubgraphUnderTest;
const itemIds = new Map<string, string>();
const visits = [newId('vis'), newId('vis')] as const;

/** SKU → pieces on hand; all are to be ordered again at 10. */
const ITEMS = { 'GLV-M': 9, 'GLV-S': 10, 'GLV-L': 11, 'MSK-1': 0, 'CMP-A2': 40, 'ANE-1': 3, OLD: 1 };

beforeAll(async () => {
  database = await createDatabase();
  const core = database.as('core_app');
  for (const [sku, pieces] of Object.entries(ITEMS)) {
    const [item] = await core<{ id: string; key: string }[]>`insert into inventory.items
      (sku, name, reorder_point, unit_cost_minor, unit_cost_currency) values (${sku}, ${`قفاز ${sku}`}, 10, 4321, 'SAR')
      returning id, key`;
    if (item === undefined) throw new Error('no item');
    itemIds.set(sku, item.id);
    if (pieces === 0) continue;
    await core`insert into inventory.stock_movements (item_key, quantity, reason, unit_cost_minor)
      values (${item.key}, ${pieces}, 'OPENING', 4321)`;
  }
  await core`update inventory.items set active = false where sku = 'OLD'`;
  for (const [visitId, sku, quantity] of [
    [visits[0], 'CMP-A2', 2],
    [visits[0], 'CMP-A2', 1],
    [visits[0], 'ANE-1', 1],
    [visits[1], 'CMP-A2', 4],
  ] as const) {
    await core`insert into inventory.visit_materials (visit_id, item_key, quantity)
      select ${visitId}, key, ${quantity} from inventory.items where sku = ${sku}`;
  }
  stock = openSubgraph(subgraph, database);
});
afterAll(async () => {
  await stock.close();
  await database.drop();
});
beforeEach(() => {
  stock.statements.length = 0;
});

const buyer = partner('read:inventory');

interface Low {
  readonly lowStockItems: {
    readonly edges: readonly { readonly node: Record<string, unknown> }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  };
}

test('low stock is what is in use and at or below its reorder point, each once, by article number', async () => {
  const read = `query ($after: String) { lowStockItems(first: 2, after: $after) {
    edges { node { id sku name onHand reorderPoint lowStock } } pageInfo { hasNextPage endCursor } } }`;
  const seen: Record<string, unknown>[] = [];
  for (let after: string | null = null, more = true; more; ) {
    const { lowStockItems }: Low = await stock.read(buyer, read, { after });
    seen.push(...lowStockItems.edges.map(({ node }) => node));
    more = lowStockItems.pageInfo.hasNextPage;
    after = lowStockItems.pageInfo.endCursor;
  }
  expect(seen.map(({ sku, onHand }) => [sku, onHand])).toEqual([
    ['ANE-1', 2],
    ['GLV-M', 9],
    ['GLV-S', 10],
    ['MSK-1', 0],
  ]);
  expect(seen[0]).toEqual({
    id: itemIds.get('ANE-1'),
    sku: 'ANE-1',
    name: 'قفاز ANE-1',
    onHand: 2,
    reorderPoint: 10,
    lowStock: true,
  });
});

test('visits show what they used, summed by item, in one statement', async () => {
  const nothing = newId('vis');
  const data = await stock.read(
    buyer,
    `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Visit { id materialsUsed { quantity item { sku lowStock } } } } }`,
    { representations: [...visits, nothing].map((id) => ({ __typename: 'Visit', id })) },
  );
  const composite = { sku: 'CMP-A2', lowStock: false };
  expect(data).toEqual({
    _entities: [
      {
        id: visits[0],
        materialsUsed: [
          { quantity: 1, item: { sku: 'ANE-1', lowStock: true } },
          { quantity: 3, item: composite },
        ],
      },
      { id: visits[1], materialsUsed: [{ quantity: 4, item: composite }] },
      { id: nothing, materialsUsed: [] },
    ],
  });
  expect(stock.statements).toHaveLength(1);
});

test('items are found by id, in one statement, null when unknown', async () => {
  const wanted = [itemIds.get('GLV-L'), 'itm_unknown', itemIds.get('OLD')];
  const data = await stock.read(
    buyer,
    `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on InventoryItem { sku lowStock } } }`,
    { representations: wanted.map((id) => ({ __typename: 'InventoryItem', id })) },
  );
  expect(data).toEqual({ _entities: [{ sku: 'GLV-L', lowStock: false }, null, { sku: 'OLD', lowStock: true }] });
  expect(stock.statements).toHaveLength(1);
});

test('no statement ever names a cost', async () => {
  await stock.read(buyer, '{ lowStockItems(first: 100) { edges { node { id sku } } } }');
  expect(stock.statements.join()).toContain('"inventory"."items"');
  expect(stock.statements.join()).not.toMatch(/cost|\*/);
});

test('a caller without read:inventory sees nothing', async () => {
  const { errors } = await stock.run(partner('read:visits'), '{ lowStockItems(first: 1) { edges { node { sku } } } }');
  expect(errors?.[0]?.extensions?.code).toBe('INSUFFICIENT_SCOPE');
});
