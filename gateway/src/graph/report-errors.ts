import { DomainError, ERRORS, fromExtensions, toExtensions } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { GraphQLError } from 'graphql';
import type { Outcome } from './compile-document.ts';
import type { Executed, RequestScope } from './execute.ts';

/** A document that fails on five hundred entities has failed once. */
const MAX_ERRORS = 20;

/**
 * The one edge where what execution brought back becomes what a caller may see: refusals of our table keep their code
 * and message, everything else is masked as INTERNAL and logged with the request id.
 */
export function reportErrors(
  outcome: Outcome,
  scope: Pick<RequestScope, 'requestId' | 'deadline'>,
  log: Logger,
): Executed {
  if (outcome.body !== undefined) return outcome;
  const { data, errors } = outcome;
  return { data, errors: errors.slice(0, MAX_ERRORS).map((error) => reportError(error, scope, log)) };
}

/** One error as a caller may see it. */
export function reportError(
  error: unknown,
  scope: Pick<RequestScope, 'requestId' | 'deadline'>,
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
  { requestId, deadline }: Pick<RequestScope, 'requestId' | 'deadline'>,
  log: Logger,
): DomainError {
  if (performance.now() >= deadline) return new DomainError('TEMPORARILY_UNAVAILABLE', { retryAfterSeconds: 1 });
  log.error({ err: describe(error), requestId }, 'execution.failed');
  return new DomainError('INTERNAL', { detail: ERRORS.INTERNAL.title });
}

/** Without values: a message of a type error may quote what a patient is called. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const path = error instanceof GraphQLError ? error.path?.join('.') : undefined;
  return { type: error.name, message: error.message.slice(0, 300), path, stack: error.stack?.slice(0, 2000) };
}
