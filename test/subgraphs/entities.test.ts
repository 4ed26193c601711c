import type { Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { createLogger } from '@bridgework/kernel/logger';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import type { RequirementMap } from '@bridgework/schema';
import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { createDocuments } from '../../subgraphs/host/src/documents.ts';
import { executeGraph } from '../../subgraphs/host/src/execute-graph.ts';

const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { item: Item }
  type Item @key(fields: "id") { id: ID! }
  type Box @key(fields: "id") { id: ID! }
`);
const requirements: RequirementMap = Object.fromEntries(
  ['Query.item', 'Item.id', 'Box.id'].map((name) => [name, { public: true }]),
);
const row = Object.freeze({ id: 'frozen' });
const load = ({ id }: { id: string }): unknown => {
  if (id === 'throws') throw new DomainError('CONFLICT');
  if (id === 'rejects') return Promise.reject(new DomainError('NOT_FOUND'));
  if (id === 'rejects oddly') return Promise.reject('no error');
  if (id === 'unknown') return null;
  if (id === 'frozen') return Promise.resolve(row);
  return id.startsWith('late') ? Promise.resolve({ id }) : { id };
};
const subgraph: Subgraph = {
  name: 'inventory',
  resolvers: {
    Query: { item: () => null },
    Item: { __resolveReference: load },
    Box: { __resolveReference: ({ id }: { id: string }) => ({ id }) },
  },
};
const graph = buildSchema(subgraph, typeDefs, requirements);
const QUERY = `query ($of: [_Any!]!) { _entities(representations: $of) {
  __typename ... on Item { id } ... on Box { id } } }`;

test.each(['at-once', 'when-asked-again'] as const)(
  'an entity that fails is an error in its own place, the others are answered: compiled %s',
  async (compile) => {
    const documents = createDocuments(graph, { compile });
    const ask = (of: unknown) => {
      const ctx = { caller: { kind: 'gateway', gatewayId: 'g' }, log: createLogger('t', { level: 'silent' }) };
      const request = { ...documents(QUERY), variables: { of }, operationName: undefined };
      return executeGraph(graph, request, ctx as Context);
    };
    const ids = ['late 1', 'rejects', 'throws', 'unknown', 'rejects oddly', 'frozen', 'at once', 'late 2'];
    const of = [...ids.map((id) => ({ __typename: 'Item', id })), { __typename: 'Box', id: 'box' }];
    const { data, errors } = await ask(of);
    expect(data?._entities).toEqual([
      { __typename: 'Item', id: 'late 1' },
      null,
      null,
      null,
      null,
      null,
      { __typename: 'Item', id: 'at once' },
      { __typename: 'Item', id: 'late 2' },
      { __typename: 'Box', id: 'box' },
    ]);
    const told = errors?.map(({ path, extensions }) => [path?.[1], extensions?.code]);
    expect(new Map(told as [number, string][])).toEqual(
      new Map([
        [1, 'NOT_FOUND'],
        [2, 'CONFLICT'],
        [4, 'INTERNAL'],
        [5, 'INTERNAL'],
      ]),
    );
    expect((await ask([{ __typename: 'Query', id: '1' }])).data).toBeFalsy();
  },
);
