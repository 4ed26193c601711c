import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DomainError, ERRORS, toExtensions } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import type { GraphQLError } from 'graphql';
import { negotiate } from '../documents/answer.ts';
import { type GraphRequest, readBody, readSearch } from '../documents/read-request.ts';
import { requireVariables } from '../documents/require-variables.ts';
import type { Outcome } from '../graph/compile-document.ts';
import type { ExecutableDocument, RequestScope } from '../graph/execute.ts';
import { loadSupergraph } from '../graph/load-supergraph.ts';
import { shareFlights } from '../graph/single-flight.ts';
import { createUrlCalls } from './call-url.ts';
import { createTextReader, readOperations } from './operations.ts';
import { readSubgraphUrls } from './read-supergraph.ts';

export interface StandaloneOptions {
  readonly sdl: string;
  /** Document id → text. */
  readonly operations: unknown;
  /** Takes query text as well. */
  readonly adHoc: boolean;
  readonly port: number;
  readonly log: Logger;
}

export interface Standalone {
  readonly origin: string;
  /** How many documents are ready. */
  readonly documents: number;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const DEADLINE_MS = 30_000;

/** Serves a federated graph on loopback without tokens: the product's own reading, planning, execution and printing. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { sdl, log } = options;
  const calls = createUrlCalls(readSubgraphUrls(sdl), DEADLINE_MS, log);
  const supergraph = await loadSupergraph({ sdl, callOf: calls.callOf, log });
  const known = readOperations(supergraph, options.operations);
  const readText = createTextReader(supergraph.schema);
  const run = shareFlights(supergraph.run);

  const choose = ({ documentId, text, operationName }: GraphRequest): ExecutableDocument => {
    if (text !== undefined && options.adHoc) return readText(text, operationName);
    if (text !== undefined || documentId === undefined) throw new DomainError('PERSISTED_DOCUMENT_REQUIRED');
    const operation = known.get(documentId);
    if (operation === undefined) throw new DomainError('PERSISTED_DOCUMENT_NOT_FOUND');
    if (operation instanceof DomainError) throw operation;
    return operation;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await readRequest(request);
    const operation = choose(asked);
    if (operation.operation === 'mutation' && request.method !== 'POST') throw new DomainError('METHOD_NOT_ALLOWED');
    requireVariables(supergraph.schema, operation.document, asked.variables);
    send(request, response, 200, write(await run(operation, asked.variables, scope())));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => refuse(request, response, error, log));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, HOST, resolve);
  });
  return {
    origin: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    documents: new Set(known.values()).size,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await supergraph.stop();
      await calls.close();
    },
  };
}

const CALLER: RequestScope['caller'] = { kind: 'gateway', gatewayId: 'standalone' };

const scope = (): RequestScope => ({
  requestId: 'standalone',
  caller: CALLER,
  generation: 0,
  // Each call of a subgraph has its own time limit.
  deadline: Number.POSITIVE_INFINITY,
});

async function readRequest(request: IncomingMessage): Promise<GraphRequest> {
  const [path = '', search = ''] = splitOnce(request.url ?? '', '?');
  if (path !== '/graphql' && path !== '/' && !path.startsWith('/graphql/')) throw new DomainError('NOT_FOUND');
  if (negotiate(request.headers.accept) === undefined) throw new DomainError('NOT_ACCEPTABLE');
  if (request.method === 'GET') {
    const pathId = path.startsWith('/graphql/') ? decodeURIComponent(path.slice('/graphql/'.length)) : undefined;
    return readSearch(search, pathId);
  }
  if (request.method !== 'POST') throw new DomainError('METHOD_NOT_ALLOWED');
  return readBody(parse(await bodyOf(request)));
}

function splitOnce(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) reject(new DomainError('PAYLOAD_TOO_LARGE'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('utf8') ?? ''));
    request.on('error', reject);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DomainError('MALFORMED_JSON');
  }
}

function write(outcome: Outcome): Buffer {
  if (outcome.body !== undefined) return outcome.body.bytes;
  return Buffer.from(JSON.stringify({ data: outcome.data, errors: outcome.errors.map(show) }));
}

/** Subgraphs' own words: there is nobody here from whom they would have to be kept. */
function show(error: unknown): unknown {
  if (error instanceof DomainError) return { message: error.message, extensions: toExtensions(error) };
  const { message, path, extensions } = error as Partial<GraphQLError> & { message: string };
  return { message, ...(path === undefined ? {} : { path }), ...(extensions === undefined ? {} : { extensions }) };
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, log: Logger): void {
  if (!(error instanceof DomainError)) log.error({ err: error }, 'request.failed');
  const refusal = error instanceof DomainError ? error : new DomainError('INTERNAL');
  const body = { errors: [{ message: refusal.message, extensions: toExtensions(refusal) }] };
  send(request, response, ERRORS[refusal.code].status, Buffer.from(JSON.stringify(body)));
}

function send(request: IncomingMessage, response: ServerResponse, status: number, body: Buffer): void {
  const type = negotiate(request.headers.accept) ?? 'application/json';
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': body.length,
  });
  response.end(body);
}
