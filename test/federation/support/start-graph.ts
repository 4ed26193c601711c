import { composeServices } from '@apollo/composition';
import type { Standalone } from '@bridgework/gateway/standalone';
import { startStandalone } from '@bridgework/gateway/standalone';
import { createLogger } from '@bridgework/kernel/logger';
import { parse } from 'graphql';
import { type HttpSubgraph, type Intercept, type SubgraphParts, serveSubgraph, subgraphSdl } from './http-subgraph.ts';

export interface GraphAnswer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { message: string; path?: (string | number)[]; extensions?: { code?: string } }[];
}

/** Small subgraphs over HTTP, composed, and the gateway on its own in front of them. */
export interface TestGraph {
  readonly standalone: Standalone;
  readonly supergraphSdl: string;
  readonly subgraphs: ReadonlyMap<string, HttpSubgraph>;
  /** Looks at, changes or delays what subgraphs answer, until it is set again. */
  intercept: Intercept | undefined;
  /** Runs query text. */
  ask(query: string, variables?: Record<string, unknown>): Promise<GraphAnswer>;
  /** Calls of subgraphs since the last time this was asked, as `name query`. */
  calls(): string[];
  close(): Promise<void>;
}

export async function startGraph(
  parts: Readonly<Record<string, SubgraphParts>>,
  operations: Readonly<Record<string, string>> = {},
): Promise<TestGraph> {
  const graph: { intercept: Intercept | undefined } = { intercept: undefined };
  const subgraphs = new Map<string, HttpSubgraph>();
  for (const [name, one] of Object.entries(parts)) {
    subgraphs.set(name, await serveSubgraph(name, one, () => graph.intercept));
  }
  const supergraphSdl = compose(parts, subgraphs);
  const standalone = await startStandalone({
    sdl: supergraphSdl,
    operations,
    adHoc: true,
    port: 0,
    log: createLogger('test', { level: 'silent' }),
  });
  return Object.assign(graph, {
    standalone,
    supergraphSdl,
    subgraphs,
    async ask(query: string, variables: Record<string, unknown> = {}) {
      const answer = await fetch(`${standalone.origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      return (await answer.json()) as GraphAnswer;
    },
    calls() {
      return [...subgraphs].flatMap(([name, { requests }]) =>
        requests.splice(0).map(({ query }) => `${name} ${query}`),
      );
    },
    async close() {
      await standalone.close();
      await Promise.all([...subgraphs.values()].map((one) => one.close()));
    },
  });
}

function compose(parts: Readonly<Record<string, SubgraphParts>>, urls: ReadonlyMap<string, HttpSubgraph>): string {
  const services = Object.entries(parts).map(([name, { typeDefs }]) => {
    return { name, url: urls.get(name)?.url ?? '', typeDefs: parse(subgraphSdl(typeDefs)) };
  });
  const { supergraphSdl, errors } = composeServices(services);
  if (supergraphSdl === undefined) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}
