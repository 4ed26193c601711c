export const MAX_RETRY_AFTER_SECONDS = 24 * 3600;
const JITTER = 0.2;

export interface RetryQuestion {
  /** How many attempts were made, the failed one included. */
  readonly attemptsMade: number;
  readonly scheduleSeconds: readonly number[];
  /** What the receiver asked for, if it did. */
  readonly retryAfterSeconds?: number;
  /** In [0, 1); spreads retries so that receivers that failed together are not met together. */
  readonly random: number;
}

/**
 * Seconds until the next attempt, ±20 %, never sooner than the receiver asked for (up to 24 h); undefined when the
 * schedule has ended.
 */
export function nextDelaySeconds(question: RetryQuestion): number | undefined {
  const step = question.scheduleSeconds[question.attemptsMade - 1];
  if (step === undefined) return undefined;
  const jittered = step * (1 - JITTER + 2 * JITTER * question.random);
  const asked = Math.min(question.retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS);
  return Math.max(jittered, asked);
}

/**
 * Reads a Retry-After header: seconds, or an HTTP date (RFC 9110, 10.2.3). Undefined when it is neither.
 */
export function readRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text);
  // Date.parse is lenient ("-5" is a year to it); an HTTP date begins with the day's name.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now.getTime()) / 1000);
}
