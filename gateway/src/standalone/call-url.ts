import { DomainError } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import type { CallSubgraph } from '../graph/plan/plan-run.ts';
import { connectSubgraph, type SubgraphConnection } from '../graph/subgraph-pools.ts';

export interface UrlCalls {
  callOf(subgraph: string): CallSubgraph;
  close(): Promise<void>;
}

/** Calls subgraphs at the URLs of the supergraph, without a signed caller: whoever serves them asks for none. */
export function createUrlCalls(urls: ReadonlyMap<string, URL>, timeoutMs: number, log: Logger): UrlCalls {
  const connections = new Map([...urls].map(([name, url]) => [name, connect(url)] as const));
  return {
    callOf(name) {
      const url = urls.get(name);
      const connection = connections.get(name);
      if (url === undefined || connection === undefined) throw new Error(`No subgraph is called ${name}.`);
      const path = url.protocol === 'unix:' ? '/graphql' : `${url.pathname}${url.search}`;
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      return async ({ use, body }, { deadline, requestId }) => {
        const call = { method: 'POST', path, headers, body, deadline, timeoutMs, repeatable: use === 'query' } as const;
        const answer = await connection.call(call).catch((error: unknown) => {
          log.error({ err: error, subgraph: name, requestId }, 'subgraph_call.failed');
          throw unavailable(name);
        });
        // A GraphQL response is one under any status.
        if (answer.body.text.trimStart().startsWith('{')) return answer.body;
        log.error({ subgraph: name, status: answer.status, requestId }, 'subgraph_call.refused');
        throw unavailable(name);
      };
    },
    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

const unavailable = (name: string): DomainError =>
  new DomainError('TEMPORARILY_UNAVAILABLE', { detail: `The subgraph ${name} could not be reached.` });

const connect = (url: URL): SubgraphConnection =>
  connectSubgraph(url.protocol === 'unix:' ? { kind: 'socket', path: url.pathname } : { kind: 'http', origin: url });
