import { DomainError, ERRORS, fromExtensions, toExtensions } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { type ExecutionResult, GraphQLError } from 'graphql';
import type { RequestScope } from './execute.ts';

/** A document that fails on five hundred entities has failed once. */
const MAX_ERRORS = 20;

/**
 * The one edge where what execution brought back becomes what a caller may see: refusals of our table keep their code
 * and message, everything else is masked as INTERNAL and logged with the request id. What `@apollo/gateway` only
 * mentions in `extensions.valueCompletion` (a null where the graph promises a value) is an error like any other.
 */
export function reportErrors(
  result: ExecutionResult<Record<string, unknown>, Record<string, unknown>>,
  scope: Pick<RequestScope, 'requestId' | 'signal'>,
  log: Logger,
): ExecutionResult<Record<string, unknown>> {
  const holes = Array.isArray(result.extensions?.valueCompletion) ? result.extensions.valueCompletion : [];
  const errors: unknown[] = [...(result.errors ?? []), ...holes];
  const data = result.data === undefined ? {} : { data: result.data };
  if (errors.length === 0) return data;
  return { errors: errors.slice(0, MAX_ERRORS).map((error) => reportError(error, scope, log)), ...data };
}

/** One error as a caller may see it. */
export function reportError(
  error: unknown,
  scope: Pick<RequestScope, 'requestId' | 'signal'>,
  log: Logger,
): GraphQLError {
  const path = error instanceof GraphQLError ? error.path : undefined;
  const refusal = refusalIn(error) ?? maskedBy(error, scope, log);
  return new GraphQLError(refusal.message, {
    ...(path === undefined ? {} : { path }),
    extensions: { ...toExtensions(refusal), requestId: scope.requestId },
    originalError: refusal,
  });
}

/** The refusal that an error carries, if it carries one that a subgraph or the gateway may give. */
export function refusalIn(error: unknown): DomainError | undefined {
  if (error instanceof DomainError) return error;
  if (!(error instanceof GraphQLError)) return undefined;
  if (error.originalError instanceof DomainError) return error.originalError;
  const refusal = fromExtensions(error.message, error.extensions);
  // A subgraph that does not know what the gateway asks for: our mistake, not the caller's.
  return refusal?.code === 'GRAPHQL_VALIDATION_FAILED' ? undefined : refusal;
}

function maskedBy(
  error: unknown,
  { requestId, signal }: Pick<RequestScope, 'requestId' | 'signal'>,
  log: Logger,
): DomainError {
  if (signal.aborted) return new DomainError('TEMPORARILY_UNAVAILABLE', { retryAfterSeconds: 1 });
  log.error({ err: describe(error), requestId }, 'execution.failed');
  return new DomainError('INTERNAL', { detail: ERRORS.INTERNAL.title });
}

/** Without values: a message of a type error may quote what a patient is called. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const path = error instanceof GraphQLError ? error.path?.join('.') : undefined;
  return { type: error.name, message: error.message.slice(0, 300), path, stack: error.stack?.slice(0, 2000) };
}
