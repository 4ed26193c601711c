import type { Subgraph } from '@bridgework/kernel/subgraph';
import { resolvers } from './resolvers.ts';

/**
 * The clinic's stock: what is there, what runs low, what a visit used up.
 *
 * @see README.md
 */
export const subgraph: Subgraph = { name: 'inventory', resolvers };
