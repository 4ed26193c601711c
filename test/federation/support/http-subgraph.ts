import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { execute, parse, validate } from 'graphql';

export type SubgraphResolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>;

export interface SubgraphParts {
  readonly typeDefs: string;
  readonly resolvers: SubgraphResolvers;
}

/** What a subgraph was asked and is about to answer; a test may change the answer, or take its time. */
export type Intercept = (name: string, request: GraphRequest, answer: GraphAnswer) => unknown;

export interface GraphRequest {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

export interface GraphAnswer {
  data?: Record<string, unknown> | null;
  errors?: unknown[];
}

export interface HttpSubgraph {
  readonly url: string;
  readonly requests: GraphRequest[];
  close(): Promise<void>;
}

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@requires",
  "@external", "@provides", "@override", "@shareable", "@interfaceObject", "@inaccessible"])`;

export const subgraphSdl = (typeDefs: string): string => `${LINK}\n${typeDefs}`;

/** A subgraph by @apollo/subgraph, served over HTTP as anybody would. */
export async function serveSubgraph(
  name: string,
  { typeDefs, resolvers }: SubgraphParts,
  intercept: () => Intercept | undefined,
): Promise<HttpSubgraph> {
  const schema = buildSubgraphSchema({ typeDefs: parse(subgraphSdl(typeDefs)), resolvers });
  const requests: GraphRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const asked = JSON.parse(body) as GraphRequest;
    requests.push(asked);
    const document = parse(asked.query);
    const faults = validate(schema, document);
    const result =
      faults.length > 0 ? { errors: faults } : await execute({ schema, document, variableValues: asked.variables });
    const answer = JSON.parse(JSON.stringify(result)) as GraphAnswer;
    const changed = (await intercept()?.(name, asked, answer)) ?? answer;
    if (changed === 'hang up') {
      response.destroy();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(typeof changed === 'string' ? changed : JSON.stringify(changed));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
