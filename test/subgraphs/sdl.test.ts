import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { subgraph as integration } from '@bridgework/integration';
import { subgraph as inventory } from '@bridgework/inventory';
import { readContract } from '@bridgework/kernel/contract-files';
import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { requirements } from '../authorization/documents.ts';

test.each([appointment, billing, inventory, integration])(
  'has a resolver for all that $name promises, and for nothing else',
  (subgraph) => {
    const typeDefs = parse(readContract(`subgraphs/${subgraph.name}.graphql`));
    expect(() => buildSchema(subgraph, typeDefs, requirements)).not.toThrow();
  },
);
