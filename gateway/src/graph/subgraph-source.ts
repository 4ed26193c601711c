import type { GraphQLDataSource } from '@apollo/gateway';
import { DomainError } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { CALLER_HEADER, REQUEST_ID_HEADER } from '@bridgework/kernel/signed-caller';
import type { SubgraphName } from '@bridgework/schema';
import type { RequestScope } from './execute.ts';
import type { SignedCall } from './sign-calls.ts';
import type { SubgraphAnswer, SubgraphConnection } from './subgraph-pools.ts';

/** What the executor carries from the request to each call. */
export interface ExecutionContext extends Record<string, unknown> {
  readonly scope: RequestScope;
}

export interface SubgraphSourceOptions {
  readonly name: SubgraphName;
  readonly connection: SubgraphConnection;
  readonly sign: (call: SignedCall) => string;
  readonly log: Logger;
}

/** A document set or an import is analysed as a whole. */
const BULK_TIMEOUT_MS = 15_000;

type Answer = Awaited<ReturnType<GraphQLDataSource['process']>>;

/**
 * Calls one subgraph as the request's caller. Nothing of the caller's own headers passes but traceparent and
 * accept-language. What goes wrong on the way is logged here and answered as TEMPORARILY_UNAVAILABLE: its text names
 * sockets and ports.
 */
export function createSubgraphSource(options: SubgraphSourceOptions): GraphQLDataSource<ExecutionContext> {
  return {
    async process({ request, context }): Promise<Answer> {
      const { scope } = context as ExecutionContext;
      const query = request.query ?? '';
      const use = isMutation(query) ? 'mutation' : 'query';
      const body = JSON.stringify({ query, variables: request.variables, operationName: request.operationName });
      const headers = {
        'content-type': 'application/json',
        [REQUEST_ID_HEADER]: scope.requestId,
        [CALLER_HEADER]: options.sign({ audience: options.name, use, scope, body }),
        ...(scope.traceparent === undefined ? {} : { traceparent: scope.traceparent }),
        ...(scope.acceptLanguage === undefined ? {} : { 'accept-language': scope.acceptLanguage }),
      };
      const answer = await call(options, scope, { headers, body, repeatable: use === 'query' });
      return readAnswer(options, scope, answer);
    },
  };
}

/** The planner writes each call's operation itself, the keyword first. */
const isMutation = (query: string): boolean => /^\s*mutation\b/.test(query);

async function call(
  { name, connection, log }: SubgraphSourceOptions,
  { requestId, signal, isBulk }: RequestScope,
  parts: { headers: Record<string, string>; body: string; repeatable: boolean },
): Promise<SubgraphAnswer> {
  try {
    return await connection.call({
      method: 'POST',
      path: '/graphql',
      signal,
      ...parts,
      ...(isBulk === true ? { timeoutMs: BULK_TIMEOUT_MS } : {}),
    });
  } catch (error) {
    log.error({ err: error, subgraph: name, requestId }, 'subgraph_call.failed');
    throw unavailable();
  }
}

function readAnswer({ name, log }: SubgraphSourceOptions, { requestId }: RequestScope, answer: SubgraphAnswer): Answer {
  const parsed = parseAnswer(answer.body);
  if (answer.status === 200 && parsed !== undefined) return parsed;
  log.error({ subgraph: name, status: answer.status, requestId }, 'subgraph_call.refused');
  throw answer.status >= 500 || answer.status === 429 ? unavailable() : new DomainError('INTERNAL');
}

const unavailable = () => new DomainError('TEMPORARILY_UNAVAILABLE', { retryAfterSeconds: 1 });

function parseAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}
