import { DomainError } from './errors.ts';

/**
 * The one place that knows which failures of the database are passing: a lock that was not had in time, a cancelled
 * statement, a lost connection, a server that is starting or full. Nothing was stored then, the transaction rolled back
 * and took the idempotency key with it, so the same request may be sent again. Everything else is a fault of ours.
 *
 * @returns TEMPORARILY_UNAVAILABLE for a passing failure, the error itself when it already is a refusal, else null.
 * @see docs/rules.md#payment-confirmation (row 22)
 */
export function refusalOf(error: unknown): DomainError | null {
  // drizzle wraps the driver's error, a transaction may wrap drizzle's: the cause decides.
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth += 1) {
    if (cause instanceof DomainError) return cause;
    if (isPassing(cause)) return new DomainError('TEMPORARILY_UNAVAILABLE', { retryAfterSeconds: 1, cause: error });
  }
  return null;
}

const PASSING_STATES = new Set([
  '55P03', // lock_not_available: lock_timeout
  '57014', // query_canceled: statement_timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53300', // too_many_connections
  '53400', // configuration_limit_exceeded
]);

const PASSING_CONNECTION = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function isPassing(error: Error): boolean {
  const { code } = error as Error & { readonly code?: unknown };
  if (typeof code !== 'string') return false;
  // Class 08 is "connection exception".
  return PASSING_STATES.has(code) || PASSING_CONNECTION.has(code) || /^08[0-9A-Z]{3}$/.test(code);
}
