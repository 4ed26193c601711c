import type { Context } from '@bridgework/kernel/context';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import type { RequirementMap } from '@bridgework/schema';
import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { createDocuments } from '../../subgraphs/host/src/documents.ts';
import { eventually } from '../support/eventually.ts';

const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { item(id: ID): Item }
  type Mutation { buy: String }
  type Item @key(fields: "id") { id: ID! name: String next: Item }
`);
const names = ['Query.item', 'Mutation.buy', 'Item.id', 'Item.name', 'Item.next'];
const requirements: RequirementMap = Object.fromEntries(names.map((name) => [name, { public: true }]));
const subgraph: Subgraph = {
  name: 'inventory',
  resolvers: {
    Query: { item: (_: unknown, { id }: { id?: unknown }) => ({ id: id ?? 'i', name: String(id) }) },
    Mutation: { buy: () => 'bought' },
    Item: { __resolveReference: ({ id }: { id: string }) => ({ id, name: 'n' }) },
  },
};
const graph = buildSchema(subgraph, typeDefs, requirements);
const betweenRequests = () => new Promise((resolve) => setImmediate(resolve));

test('a query is compiled between requests, once its text came a second time', async () => {
  const documents = createDocuments(graph);
  const find = () => documents('{ item { id } }').findCompiled({});
  expect(find()).toBeUndefined();
  await betweenRequests();
  expect(find()).toBeUndefined();
  expect(find()).toBeUndefined();
  await eventually(() => find());
  expect(await find()?.({} as Context)).toEqual({ data: { item: { id: 'i' } } });
});

test('each truth of its conditions is compiled apart, and too many of them are left to graphql-js', () => {
  const documents = createDocuments(graph, { compile: 'at-once' });
  const data = (variables: Record<string, unknown>) =>
    documents(
      'query ($a: Boolean!, $b: Boolean = true) { item { id @include(if: $a) name @skip(if: $b) } }',
    ).findCompiled(variables)?.({} as Context);
  expect(data({ a: true })).toEqual({ data: { item: { id: 'i' } } });
  expect(data({ a: true, b: false })).toEqual({ data: { item: { id: 'i', name: 'undefined' } } });
  expect(data({ a: false })).toEqual({ data: { item: {} } });
  for (const wrong of [{}, { a: null }, { a: 'true' }, { a: true, b: 1 }]) expect(data(wrong)).toBeUndefined();
  const many = ['a', 'b', 'c', 'd', 'e'];
  const text = `query (${many.map((one) => `$${one}: Boolean!`)}) { item { ${many.map((one) => `${one}: id @include(if: $${one})`).join(' ')} } }`;
  expect(documents(text).findCompiled(Object.fromEntries(many.map((one) => [one, true])))).toBeUndefined();
});

test('the latest ones are kept; what was dropped is compiled anew', async () => {
  const documents = createDocuments(graph, { maxKept: 2 });
  const find = (alias: string) => documents(`{ ${alias}: item { id } }`).findCompiled({});
  for (const alias of ['a', 'b', 'c']) await eventually(() => find(alias));
  expect(find('c')).toBeDefined();
  expect(find('b')).toBeDefined();
  expect(find('a')).toBeUndefined();
  await eventually(() => find('a'));
});

test('mutations, a key called __proto__ and fragments that grow without end are left to graphql-js', () => {
  const documents = createDocuments(graph, { compile: 'at-once' });
  expect(documents('mutation { buy }').findCompiled({})).toBeUndefined();
  expect(documents('{ item { __proto__: id } }').findCompiled({})).toBeUndefined();
  const spreads = Array.from({ length: 12 }, (_, at) => `fragment F${at} on Item { next { ...F${at + 1} } id }`);
  const text = (parts: string[]) => `{ item { ...F0 } } ${parts.join(' ')} fragment F12 on Item { id }`;
  expect(documents(text(spreads)).findCompiled({})).toBeDefined();
  const doubling = Array.from(
    { length: 12 },
    (_, at) => `fragment F${at} on Item { a${at}: next { ...F${at + 1} } b${at}: next { ...F${at + 1} } }`,
  );
  expect(documents(text(doubling)).findCompiled({})).toBeUndefined();
});

test('what graphql-js would report of variables and arguments it reports itself', () => {
  const documents = createDocuments(graph, { compile: 'at-once' });
  const ready = documents('query ($id: ID!) { item(id: $id) { id } }');
  expect(ready.findCompiled({ id: 'x' })?.({} as Context)).toEqual({ data: { item: { id: 'x' } } });
  for (const wrong of [{}, { id: null }, { id: 1.5 }, { id: [] }]) expect(ready.findCompiled(wrong)).toBeUndefined();
});
