import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Path of a file of the schema package, for example `supergraph.graphql` or `operations/rest-v1/appointments.graphql`. */
export const contractPath = (file: string): string => require.resolve(`@bridgework/schema/${file}`);

/** Text of a file of the schema package; throws when there is none. */
export const readContract = (file: string): string => readFileSync(contractPath(file), 'utf8');
