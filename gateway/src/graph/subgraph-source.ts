import type { GraphQLDataSource } from '@apollo/gateway';
import { DomainError } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { CALLER_HEADER, REQUEST_ID_HEADER } from '@bridgework/kernel/signed-caller';
import type { SubgraphName } from '@bridgework/schema';
import type { RequestScope } from './execute.ts';
import type { CallSubgraph } from './plan/plan-run.ts';
import type { SignedCall } from './sign-calls.ts';
import type { SubgraphAnswer, SubgraphConnection } from './subgraph-pools.ts';
import type { TextBody } from './text-body.ts';

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

/**
 * Calls one subgraph as the request's caller. Nothing of the caller's own headers passes but traceparent and
 * accept-language. What goes wrong on the way is logged here and answered as TEMPORARILY_UNAVAILABLE: its text names
 * sockets and ports.
 */
export function createSubgraphCall(options: SubgraphSourceOptions): CallSubgraph {
  return async ({ use, body }, scope) => {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      [REQUEST_ID_HEADER]: scope.requestId,
      [CALLER_HEADER]: options.sign({ audience: options.name, use, scope, body }),
    };
    if (scope.traceparent !== undefined) headers.traceparent = scope.traceparent;
    if (scope.acceptLanguage !== undefined) headers['accept-language'] = scope.acceptLanguage;
    const answer = await call(options, scope, { headers, body, repeatable: use === 'query' });
    return readAnswer(options, scope, answer);
  };
}

/** The same call in the form that the reference executor asks for. */
export function toDataSource(call: CallSubgraph): GraphQLDataSource<ExecutionContext> {
  return {
    async process({ request, context }) {
      const { query = '', variables, operationName } = request;
      const body = JSON.stringify({ query, variables, operationName });
      const { text } = await call(
        { use: isMutation(query) ? 'mutation' : 'query', body },
        (context as ExecutionContext).scope,
      );
      return JSON.parse(text);
    },
  };
}

/** The planner writes each call's operation itself, the keyword first. */
const isMutation = (query: string): boolean => /^\s*mutation\b/.test(query);

async function call(
  { name, connection, log }: SubgraphSourceOptions,
  { requestId, deadline, isBulk }: RequestScope,
  parts: { headers: Record<string, string>; body: string; repeatable: boolean },
): Promise<SubgraphAnswer> {
  try {
    return await connection.call({
      method: 'POST',
      path: '/graphql',
      deadline,
      ...parts,
      ...(isBulk === true ? { timeoutMs: BULK_TIMEOUT_MS } : {}),
    });
  } catch (error) {
    log.error({ err: error, subgraph: name, requestId }, 'subgraph_call.failed');
    throw unavailable();
  }
}

function readAnswer(
  { name, log }: SubgraphSourceOptions,
  { requestId }: RequestScope,
  answer: SubgraphAnswer,
): TextBody {
  if (answer.status === 200 && answer.body.bytes[0] === OPENING_BRACE) return answer.body;
  log.error({ subgraph: name, status: answer.status, requestId }, 'subgraph_call.refused');
  throw answer.status >= 500 || answer.status === 429 ? unavailable() : new DomainError('INTERNAL');
}

const OPENING_BRACE = 0x7b;
const unavailable = () => new DomainError('TEMPORARILY_UNAVAILABLE', { retryAfterSeconds: 1 });
