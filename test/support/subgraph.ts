import type { Caller, Context, IntegrationCaller, UserCaller } from '@bridgework/kernel/context';
import { readContract } from '@bridgework/kernel/contract-files';
import type { Db } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import { type Scope, scopesOfRole } from '@bridgework/schema';
import { drizzle } from 'drizzle-orm/postgres-js';
import { type FormattedExecutionResult, parse } from 'graphql';
import postgres from 'postgres';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { createDocuments } from '../../subgraphs/host/src/documents.ts';
import { executeGraph } from '../../subgraphs/host/src/execute-graph.ts';
import type { TestDatabase } from './database.ts';

export const partner = (...scopes: Scope[]): IntegrationCaller => ({
  kind: 'integration',
  integrationId: newId('int'),
  tokenId: newId('tok'),
  scopes,
  environment: 'sandbox',
});

export const manager: UserCaller = {
  kind: 'user',
  issuer: 'https://id.clinic.example',
  subject: 'manager-1',
  name: 'Huda',
  role: 'MANAGER',
  scopes: scopesOfRole('MANAGER'),
};

export interface SubgraphUnderTest {
  readonly db: Db;
  /** Every statement that was sent; emptied by the test. */
  readonly statements: string[];
  contextOf(caller: Caller, now?: Date): Context;
  /** Runs an operation that must succeed, and gives its data. */
  read<Data>(caller: Caller, text: string, variables?: Record<string, unknown>): Promise<Data>;
  /** Runs an operation through the guarded schema, as the host does; data as JSON. */
  run(caller: Caller, text: string, variables?: Record<string, unknown>, now?: Date): Promise<FormattedExecutionResult>;
  close(): Promise<void>;
}

/** A subgraph on a test's database, under its own role. */
export function openSubgraph(subgraph: Subgraph, database: TestDatabase, maxConnections = 12): SubgraphUnderTest {
  const statements: string[] = [];
  const client = postgres(database.urlFor(`bridgework_${subgraph.name}`), {
    max: maxConnections,
    onnotice: () => undefined,
    // Not the driver's own look at the types of a new connection.
    debug: (_, text) => void (text.includes('pg_catalog') || statements.push(text)),
  });
  const db: Db = drizzle(client, { casing: 'snake_case' });
  const requirements = JSON.parse(readContract('generated/requirements.json'));
  const graph = buildSchema(subgraph, parse(readContract(`subgraphs/${subgraph.name}.graphql`)), requirements);
  // Compiled before they run, so that what the host answers from the second time on is what is tested.
  const documents = createDocuments(graph, { compile: 'at-once' });
  const log = createLogger('test', { level: 'silent' });
  const contextOf = (caller: Caller, now?: Date): Context => ({
    db,
    caller,
    log,
    now: () => now ?? new Date(),
    requestId: newId('req'),
  });
  const run: SubgraphUnderTest['run'] = async (caller, text, variables = {}, now) => {
    const request = { ...documents(text), variables, operationName: undefined };
    const result = await executeGraph(graph, request, contextOf(caller, now));
    return JSON.parse(JSON.stringify(result));
  };
  return {
    db,
    statements,
    contextOf,
    run,
    async read<Data>(caller: Caller, text: string, variables?: Record<string, unknown>) {
      const { data, errors } = await run(caller, text, variables);
      if (errors !== undefined) throw new Error(JSON.stringify(errors));
      return data as Data;
    },
    close: () => client.end({ timeout: 2 }),
  };
}
