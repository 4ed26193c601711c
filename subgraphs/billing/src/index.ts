import type { Subgraph } from '@bridgework/kernel/subgraph';
import { resolvers } from './resolvers.ts';

/**
 * Invoices, payments, and the confirmations of payment terminals.
 *
 * @see README.md
 */
export const subgraph: Subgraph = { name: 'billing', resolvers };
