import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { subgraph as inventory } from '@bridgework/inventory';
import type { Caller, Context } from '@bridgework/kernel/context';
import { readContract } from '@bridgework/kernel/contract-files';
import { openDatabase } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import type { LoginRole } from '@bridgework/kernel/migrate';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import { seedSmallClinic } from '@bridgework/launcher';
import { SCOPE_NAMES } from '@bridgework/schema';
import {
  execute,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isLeafType,
  isNonNullType,
  isObjectType,
  parse,
} from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { requirements } from '../authorization/documents.ts';
import { createDatabase } from '../support/database.ts';

const database = await createDatabase();
const caller: Caller = {
  kind: 'integration',
  integrationId: newId('int'),
  tokenId: newId('tok'),
  scopes: SCOPE_NAMES,
  environment: 'sandbox',
};
const ids: Record<string, string> = {};

beforeAll(async () => {
  await seedSmallClinic(database.ownerUrl, { now: new Date('2026-03-04T09:00:00Z') });
  const owner = database.as('owner', 1);
  await owner`update inventory.items set reorder_point = on_hand`;
  for (const [type, table] of Object.entries({ Visit: 'appointment.visits', Patient: 'appointment.patients' })) {
    const [row] = await owner<{ id: string }[]>`
      select id from ${owner(table)} as one
      order by exists (select 1 from billing.invoices where one.id in (patient_id, visit_id) and status <> 'DRAFT') desc
      limit 1`;
    ids[type] = row?.id ?? '';
  }
});
afterAll(() => database.drop());

/** Everything below a type that needs no argument but a page size, as deep as the graph goes without coming back. */
function selectAll(type: GraphQLObjectType, above: readonly string[]): string {
  const lines = Object.values(type.getFields()).flatMap((field) => {
    const named = getNamedType(field.type);
    if (above.includes(named.name) || !isPlain(field)) return [];
    const head = field.args.some(({ name }) => name === 'first') ? `${field.name}(first: 25)` : field.name;
    if (isLeafType(named)) return [head];
    return isObjectType(named) ? [`${head} ${selectAll(named, [...above, type.name])}`] : [];
  });
  return `{ ${lines.join(' ')} }`;
}

const isPlain = (field: GraphQLField<unknown, unknown>): boolean =>
  !field.name.startsWith('_') && field.args.every(({ name, type }) => name === 'first' || !isNonNullType(type));

async function run(subgraph: Subgraph, write: (schema: GraphQLSchema) => string) {
  const { guarded: schema } = buildSchema(
    subgraph,
    parse(readContract(`subgraphs/${subgraph.name}.graphql`)),
    requirements,
  );
  const role = `bridgework_${subgraph.name}` as LoginRole;
  const { db, close } = openDatabase({ url: database.urlFor(role), applicationName: 'test' });
  const log = createLogger('test', { level: 'silent' });
  const contextValue: Context = { db, caller, now: () => new Date(), log, requestId: newId('req') };
  try {
    return await execute({ schema, document: parse(write(schema)), contextValue });
  } finally {
    await close();
  }
}

test.each([
  { subgraph: appointment, roots: ['appointments', 'visits', 'providers'] },
  { subgraph: inventory, roots: ['lowStockItems'] },
])('$subgraph.name answers every field of its lists', async ({ subgraph, roots }) => {
  const { data, errors } = await run(subgraph, (schema) => {
    const fields = roots.map((root) => {
      const type = getNamedType(schema.getQueryType()?.getFields()[root]?.type) as GraphQLObjectType;
      return `${root}(first: 25) ${selectAll(type, [])}`;
    });
    return `{ ${fields.join(' ')} }`;
  });
  expect(errors).toBeUndefined();
  for (const root of roots) expect(data?.[root]).toMatchObject({ edges: expect.arrayContaining([expect.anything()]) });
});

test.each([
  { subgraph: billing, typeName: 'Patient', field: 'invoices' },
  { subgraph: billing, typeName: 'Visit', field: 'invoice' },
  { subgraph: inventory, typeName: 'Visit', field: 'materialsUsed' },
  { subgraph: appointment, typeName: 'Patient', field: 'displayName' },
])('$subgraph.name answers every field that it adds to $typeName', async ({ subgraph, typeName, field }) => {
  const { data, errors } = await run(subgraph, (schema) => {
    const below = selectAll(schema.getType(typeName) as GraphQLObjectType, []);
    const reference = `{ __typename: "${typeName}", id: "${ids[typeName]}" }`;
    return `{ _entities(representations: [${reference}]) { ... on ${typeName} ${below} } }`;
  });
  expect(errors).toBeUndefined();
  expect(data).toMatchObject({ _entities: [{ [field]: expect.anything() }] });
});
