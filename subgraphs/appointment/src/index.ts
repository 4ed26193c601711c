import type { Subgraph } from '@bridgework/kernel/subgraph';
import { resolvers } from './resolvers.ts';

export { runNextImport } from './imports/run-next-import.ts';

/**
 * The clinic's calendar: appointments, visits, patients, providers, chairs and references to images.
 *
 * @see README.md
 */
export const subgraph: Subgraph = { name: 'appointment', resolvers };
