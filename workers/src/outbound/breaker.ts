/**
 * One breaker per endpoint or provider: what is down is left alone for a while, and what waits for it keeps its attempts.
 * Pure: the value goes in and comes out; whoever holds it stores it.
 */
export interface Breaker {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Milliseconds since the epoch until which an open breaker lets nothing pass. */
  readonly openUntilMs: number;
  /** Times it opened without closing between; doubles the wait. */
  readonly opens: number;
  /** Successes of probes while half-open. */
  readonly probes: number;
  /** Connect and time-out errors in a row. */
  readonly unreachable: number;
  /** Recent requests, oldest first: one bucket per {@link BUCKET_MS}. */
  readonly buckets: readonly Bucket[];
}

interface Bucket {
  readonly startMs: number;
  readonly requests: number;
  readonly failures: number;
}

export interface Observation {
  readonly success: boolean;
  readonly unreachable: boolean;
  readonly atMs: number;
}

export const WINDOW_MS = 5 * 60_000;
const BUCKET_MS = 15_000;
const MIN_REQUESTS = 10;
const FAILURE_RATE = 0.7;
const MAX_UNREACHABLE = 5;
const FIRST_OPEN_MS = 30_000;
const MAX_OPEN_MS = 15 * 60_000;
const PROBES_TO_CLOSE = 2;

export const CLOSED: Breaker = { state: 'closed', openUntilMs: 0, opens: 0, probes: 0, unreachable: 0, buckets: [] };

/** How many requests may start now: none while open, one probe once the wait is over. */
export function admits(breaker: Breaker, nowMs: number): 'all' | 'probe' | 'none' {
  if (breaker.state === 'closed') return 'all';
  return breaker.state === 'half-open' || nowMs >= breaker.openUntilMs ? 'probe' : 'none';
}

/** The breaker after one request. */
export function observe(breaker: Breaker, seen: Observation): Breaker {
  // What was under way when it opened says nothing about after.
  if (breaker.state === 'open' && seen.atMs < breaker.openUntilMs) return breaker;
  if (breaker.state !== 'closed') return seen.success ? probed(breaker) : open(breaker, seen.atMs);
  const buckets = count(breaker.buckets, seen);
  const next = { ...breaker, buckets, unreachable: seen.unreachable ? breaker.unreachable + 1 : 0 };
  const requests = buckets.reduce((sum, bucket) => sum + bucket.requests, 0);
  const failures = buckets.reduce((sum, bucket) => sum + bucket.failures, 0);
  const failing = requests >= MIN_REQUESTS && failures / requests >= FAILURE_RATE;
  return next.unreachable >= MAX_UNREACHABLE || (failing && !seen.success) ? open(next, seen.atMs) : next;
}

function probed(breaker: Breaker): Breaker {
  const probes = breaker.probes + 1;
  return probes >= PROBES_TO_CLOSE ? CLOSED : { ...breaker, state: 'half-open', probes };
}

function open(breaker: Breaker, nowMs: number): Breaker {
  const waitMs = Math.min(FIRST_OPEN_MS * 2 ** breaker.opens, MAX_OPEN_MS);
  return { ...CLOSED, state: 'open', opens: breaker.opens + 1, openUntilMs: nowMs + waitMs };
}

function count(buckets: readonly Bucket[], { success, atMs }: Observation): readonly Bucket[] {
  const recent = buckets.filter((bucket) => bucket.startMs > atMs - WINDOW_MS);
  const last = recent.at(-1);
  const failures = success ? 0 : 1;
  if (last === undefined || atMs >= last.startMs + BUCKET_MS)
    return [...recent, { startMs: atMs, requests: 1, failures }];
  return [...recent.slice(0, -1), { ...last, requests: last.requests + 1, failures: last.failures + failures }];
}
