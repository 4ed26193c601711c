import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { contractPath } from '@bridgework/kernel/contract-files';
import { DomainError, toExtensions } from '@bridgework/kernel/errors';
import { CALLER_HEADER, type CallerClaims, createReplayGuard, verifyCaller } from '@bridgework/kernel/signed-caller';
import type { SubgraphName } from '@bridgework/schema';
import { execute, GraphQLError, parse, validate } from 'graphql';

export type Resolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>;

/** One call that reached the socket. */
export interface ReceivedCall {
  readonly claims: CallerClaims;
  readonly header: string;
  readonly headers: IncomingMessage['headers'];
  readonly query: string;
}

export interface SubgraphServer {
  readonly calls: ReceivedCall[];
  /** How many requests of any kind reached the socket. */
  requests(): number;
  close(): Promise<void>;
}

export interface SubgraphServerOptions {
  readonly name: SubgraphName;
  readonly path: string;
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  readonly resolvers: Resolvers;
  /** Answers what is not /graphql; the registry's control routes. */
  readonly control?: (request: IncomingMessage, body: string, response: ServerResponse) => Promise<boolean>;
}

/** A small real subgraph: the product's own SDL, our caller header, federation over node:http on a unix socket. */
export async function startSubgraph(options: SubgraphServerOptions): Promise<SubgraphServer> {
  const sdl = readFileSync(contractPath(`subgraphs/${options.name}.graphql`), 'utf8');
  const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: options.resolvers });
  const seen = createReplayGuard();
  const startedAt = new Date();
  const calls: ReceivedCall[] = [];
  let requests = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    requests += 1;
    const body = await read(request);
    if (await options.control?.(request, body, response)) return;
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, unknown> };
    const document = parse(query);
    const operation = document.definitions.find((one) => one.kind === 'OperationDefinition');
    const use = operation?.kind === 'OperationDefinition' && operation.operation === 'mutation' ? 'mutation' : 'query';
    const header = String(request.headers[CALLER_HEADER] ?? '');
    const verdict = verifyCaller(
      header,
      { use, body },
      { publicKeys: options.publicKeys, audience: options.name, startedAt, now: new Date(), seen },
    );
    if (verdict.kind === 'refused') {
      response.writeHead(401).end(JSON.stringify({ errors: [{ message: verdict.reason }] }));
      return;
    }
    calls.push({ claims: verdict.claims, header, headers: request.headers, query });
    const faults = validate(schema, document);
    const result =
      faults.length > 0
        ? { errors: faults }
        : await execute({ schema, document, variableValues: variables, contextValue: verdict.claims });
    const errors = result.errors?.map((error) =>
      error.originalError instanceof DomainError
        ? new GraphQLError(error.message, { path: error.path, extensions: toExtensions(error.originalError) })
        : error,
    );
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify(errors === undefined ? result : { ...result, errors }));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(options.path, resolve));
  return {
    calls,
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}
