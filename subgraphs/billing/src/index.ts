import type { Subgraph } from '@bridgework/kernel/subgraph';
import { resolvers } from './resolvers.ts';

export { type ExportVerification, verifyExports } from './exports/verify-exports.ts';

/**
 * Invoices, payments, and the confirmations of payment terminals.
 *
 * @see README.md
 */
export const subgraph: Subgraph = { name: 'billing', resolvers };
