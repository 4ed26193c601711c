import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { subgraph as integration } from '@bridgework/integration';
import { subgraph as inventory } from '@bridgework/inventory';
import type { Caller } from '@bridgework/kernel/context';
import { readContract } from '@bridgework/kernel/contract-files';
import { openDatabase } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import type { LoginRole } from '@bridgework/kernel/migrate';
import { parseRequirements, type SubgraphName } from '@bridgework/schema';
import { parse } from 'graphql';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { createDocuments } from '../../subgraphs/host/src/documents.ts';
import { executeGraph } from '../../subgraphs/host/src/execute-graph.ts';
import { SCOPES_OF_READING } from './documents.ts';

/** Asks one subgraph as its server would, without HTTP; throws when the answer holds errors. */
export type AskSubgraph = <Data>(name: SubgraphName, text: string, variables: Record<string, unknown>) => Promise<Data>;

/** The four subgraphs in this process, each query compiled or left to graphql-js with shield in front of each field. */
export function openSubgraphs(urlFor: (role: LoginRole) => string) {
  const requirements = parseRequirements(readContract('generated/requirements.json'));
  const log = createLogger('bench', { level: 'silent' });
  const caller: Caller = Object.freeze({
    kind: 'integration',
    integrationId: newId('int'),
    tokenId: newId('tok'),
    scopes: SCOPES_OF_READING,
    environment: 'sandbox',
  });
  const opened = new Map(
    [appointment, billing, integration, inventory].map((subgraph) => {
      const { name } = subgraph;
      const graph = buildSchema(subgraph, parse(readContract(`subgraphs/${name}.graphql`)), requirements);
      const database = openDatabase({ url: urlFor(`bridgework_${name}`), applicationName: `bench ${name}` });
      return [name, { graph, database, documents: createDocuments(graph) }];
    }),
  );
  const asking =
    (compiled: boolean): AskSubgraph =>
    async (name, text, variables) => {
      const subgraph = opened.get(name);
      if (subgraph === undefined) throw new Error(`No subgraph is called ${name}.`);
      const { graph, database, documents } = subgraph;
      const ready = documents(text);
      const findCompiled = compiled ? ready.findCompiled : () => undefined;
      const request = { ...ready, findCompiled, variables, operationName: undefined };
      const ctx = { db: database.db, caller, now: () => new Date(), log, requestId: newId('req') };
      const answer = JSON.stringify(await executeGraph(graph, request, ctx));
      const { data, errors } = JSON.parse(answer);
      if (errors !== undefined) throw new Error(`${name}: ${answer.slice(0, 500)}`);
      return data;
    };
  return {
    compiled: asking(true),
    interpreted: asking(false),
    close: () => Promise.all([...opened.values()].map(({ database }) => database.close())),
  };
}
