import { refusalOf } from '@bridgework/kernel/database-errors';
import { DomainError, toExtensions } from '@bridgework/kernel/errors';
import type { Logger } from '@bridgework/kernel/logger';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/** Five hundred entities that fail alike have failed once. */
const MAX_ERRORS = 50;

/**
 * The subgraph's edge: refusals keep their code and message, everything else leaves as INTERNAL and is logged. No stack,
 * no SQL, no value.
 */
export function reportErrors(
  errors: readonly unknown[],
  log: Logger,
  requestId: string,
): readonly GraphQLFormattedError[] {
  return errors.slice(0, MAX_ERRORS).map((error) => reportError(error, log, requestId));
}

export function reportError(error: unknown, log: Logger, requestId: string): GraphQLFormattedError {
  const path = error instanceof GraphQLError ? error.path : undefined;
  const refusal = refusalIn(error) ?? masked(error, log, requestId);
  return {
    message: refusal.message,
    ...(path === undefined ? {} : { path }),
    extensions: toExtensions(refusal),
  };
}

function refusalIn(error: unknown): DomainError | null {
  if (!(error instanceof GraphQLError)) return refusalOf(error);
  const known = refusalOf(error.originalError);
  if (known !== null) return known;
  // Without a path nothing ran: the variables do not fit. The message would quote them.
  return error.path === undefined ? new DomainError('GRAPHQL_VALIDATION_FAILED') : null;
}

function masked(error: unknown, log: Logger, requestId: string): DomainError {
  log.error({ ...describe(error), requestId }, 'resolver.failed');
  return new DomainError('INTERNAL');
}

/** What may be logged of an error. A failed query's message quotes its parameters; its cause says what went wrong. */
export function describe(error: unknown): Record<string, unknown> {
  let root = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  while (root instanceof Error && root.cause instanceof Error) root = root.cause;
  if (!(root instanceof Error)) return { thrown: typeof root };
  const { code } = root as Error & { code?: unknown };
  return {
    path: error instanceof GraphQLError ? error.path?.join('.') : undefined,
    error: root.name,
    reason: root.message.slice(0, 300),
    code: typeof code === 'string' ? code : undefined,
    at: root.stack
      ?.split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 8),
  };
}
