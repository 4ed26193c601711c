import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Caller, Context } from '@bridgework/kernel/context';
import type { Db } from '@bridgework/kernel/database';
import { DomainError, ERRORS, toExtensions } from '@bridgework/kernel/errors';
import { isId, newId } from '@bridgework/kernel/ids';
import type { Logger } from '@bridgework/kernel/logger';
import type { GuardedGraph } from '@bridgework/kernel/scope-rules';
import { CALLER_HEADER, type CallerRefusal, type CallerUse, REQUEST_ID_HEADER } from '@bridgework/kernel/signed-caller';
import type { ControlRoute } from '@bridgework/kernel/subgraph';
import { answerControl } from './control.ts';
import { createDocuments } from './documents.ts';
import { executeGraph } from './execute-graph.ts';
import { parseGraphRequest } from './graph-request.ts';
import { readBody } from './read-body.ts';
import type { Refusals } from './refusals.ts';
import { describe, reportError } from './report-errors.ts';
import type { Verifier } from './verify-request.ts';

export interface ServedSubgraph {
  readonly graph: GuardedGraph;
  readonly db: Db;
  readonly controlRoutes: Readonly<Record<string, ControlRoute>>;
  readonly verify: Verifier;
  readonly refusals: Refusals;
  readonly log: Logger;
  readonly now: () => Date;
  /** Aborted when the process is stopping. */
  readonly stopping: AbortSignal;
}

/** Refused at the door; the reason goes into the audit log and not to whoever asked. */
class Refused extends Error {
  readonly reason: CallerRefusal;
  constructor(reason: CallerRefusal) {
    super(reason);
    this.name = 'Refused';
    this.reason = reason;
  }
}

/**
 * The server of one subgraph. Nothing is answered without the gateway's signed caller header: neither `_service`, nor a
 * path that does not exist.
 */
export function createSubgraphServer(subgraph: ServedSubgraph): Server {
  const documents = createDocuments(subgraph.graph);
  const server = createServer((request, response) => {
    const requestId = requestIdOf(request);
    handle(subgraph, documents, request, response, requestId).catch((error: unknown) => {
      answerFailure(subgraph, response, requestId, error);
    });
  });
  server.keepAliveTimeout = 30_000;
  return server;
}

async function handle(
  subgraph: ServedSubgraph,
  documents: ReturnType<typeof createDocuments>,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  // Before the body is read: whoever has no header at all cannot make us hold two megabytes.
  if (request.headers[CALLER_HEADER] === undefined) throw new Refused('missing');
  const body = await readBody(request);
  const path = request.url ?? '/';
  const isControl = path.startsWith('/control/');
  const { caller, use } = prove(subgraph, request, body, isControl ? 'control' : 'as-claimed');
  if (isControl) return control(subgraph, request, response, { caller, url: new URL(path, 'http://subgraph'), body });
  if (path !== '/graphql') throw new DomainError('NOT_FOUND');
  if (request.method !== 'POST') throw new DomainError('METHOD_NOT_ALLOWED');
  const { query, variables, operationName } = parseGraphRequest(request, body);
  const ready = documents(query, operationName);
  if (ready.operation !== use) throw new Refused('use-mismatch');
  const ctx = contextOf(subgraph, caller, requestId);
  const text = JSON.stringify(await executeGraph(subgraph.graph, { ...ready, variables, operationName }, ctx));
  // With its length it leaves in one piece.
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(200, headers).end(text);
}

/** Most requests log nothing: their logger is made when it is asked for. */
function contextOf({ db, now, log: parent }: ServedSubgraph, caller: Caller, requestId: string): Context {
  let log: Logger | undefined;
  return {
    db,
    caller,
    now,
    get log() {
      log ??= parent.child({ requestId });
      return log;
    },
    requestId,
  };
}

function prove(
  subgraph: ServedSubgraph,
  request: IncomingMessage,
  body: string,
  use: 'control' | 'as-claimed',
): { caller: Caller; use: CallerUse } {
  const verdict = subgraph.verify(request, body, use);
  if (verdict.kind === 'refused') throw new Refused(verdict.reason);
  return verdict.claims;
}

async function control(
  subgraph: ServedSubgraph,
  request: IncomingMessage,
  response: ServerResponse,
  { caller, url, body }: { caller: Caller; url: URL; body: string },
): Promise<void> {
  if (caller.kind !== 'gateway') throw new Refused('use-mismatch');
  const key = `${request.method} ${url.pathname}`;
  const route = Object.hasOwn(subgraph.controlRoutes, key) ? subgraph.controlRoutes[key] : undefined;
  if (route === undefined) throw new DomainError('NOT_FOUND');
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, subgraph.stopping]);
  await answerControl(route, { caller, query: url.searchParams, body, signal }, response);
}

/** The gateway's name for the request, or a new one when there is none that looks like ours. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && isId('req', given) ? given : newId('req');
}

function answerFailure(subgraph: ServedSubgraph, response: ServerResponse, requestId: string, error: unknown): void {
  if (error instanceof Refused) {
    subgraph.refusals.note(error.reason);
    subgraph.log.debug({ requestId, reason: error.reason }, 'request.refused');
    answer(response, 401, { errors: [{ message: 'The request does not prove its caller.' }] });
    return;
  }
  if (response.headersSent) {
    // A stream that broke: the other side must see that it did not end well.
    if (!response.writableEnded && !subgraph.stopping.aborted && !response.destroyed) {
      subgraph.log.error({ requestId, ...describe(error) }, 'stream.failed');
    }
    response.destroy();
    return;
  }
  if (error instanceof DomainError) {
    // A document that does not fit is an answer like any other; everything else is a fault of the request itself.
    const status = error.code === 'GRAPHQL_VALIDATION_FAILED' ? 200 : ERRORS[error.code].status;
    answer(response, status, { errors: [{ message: error.message, extensions: toExtensions(error) }] });
    return;
  }
  const reported = reportError(error, subgraph.log, requestId);
  const code = reported.extensions?.code === 'TEMPORARILY_UNAVAILABLE' ? 503 : 500;
  answer(response, code, { errors: [reported] });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  // What is left of a refused body is not read; the connection ends with the answer.
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}
