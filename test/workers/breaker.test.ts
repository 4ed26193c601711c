import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  admits,
  type Breaker,
  CLOSED,
  type Observation,
  observe,
  WINDOW_MS,
} from '../../workers/src/outbound/breaker.ts';

const T0 = 1_800_000_000_000;
const success = (atMs: number) => ({ success: true, unreachable: false, atMs });
const failure = (atMs: number) => ({ success: false, unreachable: false, atMs });
const unreachable = (atMs: number) => ({ success: false, unreachable: true, atMs });
const after = (seen: readonly Observation[], from: Breaker = CLOSED) => seen.reduce(observe, from);
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

test('a closed breaker lets everything pass, an open one nothing, and after the wait one probe', () => {
  const open = after(times(5, (i) => unreachable(T0 + i)));
  expect(admits(CLOSED, T0)).toBe('all');
  expect(admits(open, open.openUntilMs - 1)).toBe('none');
  expect(admits(open, open.openUntilMs)).toBe('probe');
});

test('it opens at the fifth connect or time-out error in a row, and an answer in between starts the count again', () => {
  expect(after(times(4, (i) => unreachable(T0 + i))).state).toBe('closed');
  expect(after(times(5, (i) => unreachable(T0 + i))).state).toBe('open');
  const interrupted = [
    ...times(4, (i) => unreachable(T0 + i)),
    failure(T0 + 5),
    ...times(4, (i) => unreachable(T0 + 6 + i)),
  ];
  expect(after(interrupted).state).toBe('closed');
});

test('it opens at 70 % failures of at least ten requests', () => {
  expect(after(times(9, (i) => failure(T0 + i))).state).toBe('closed');
  expect(after(times(10, (i) => failure(T0 + i))).state).toBe('open');
  const mixed = (failures: number) => [
    ...times(10 - failures, (i) => success(T0 + i)),
    ...times(failures, (i) => failure(T0 + 20 + i)),
  ];
  expect(after(mixed(6)).state).toBe('closed');
  expect(after(mixed(7)).state).toBe('open');
});

test('failures that are five minutes old are forgotten', () => {
  const old = after(times(9, (i) => failure(T0 + i)));
  expect(after([failure(T0 + WINDOW_MS + 1)], old).state).toBe('closed');
});

test('the wait doubles from thirty seconds to fifteen minutes', () => {
  let breaker = after(times(5, () => unreachable(T0)));
  const waits: number[] = [];
  let now = T0;
  for (let round = 0; round < 8; round += 1) {
    waits.push((breaker.openUntilMs - now) / 1000);
    now = breaker.openUntilMs;
    breaker = observe(breaker, failure(now));
  }
  expect(waits).toEqual([30, 60, 120, 240, 480, 900, 900, 900]);
});

test('two successful probes close it and forget what was', () => {
  const open = after(times(5, () => unreachable(T0)));
  const half = observe(open, success(open.openUntilMs));
  expect(half.state).toBe('half-open');
  expect(observe(half, success(open.openUntilMs + 1))).toEqual(CLOSED);
  expect(observe(half, failure(open.openUntilMs + 1)).state).toBe('open');
});

test('what was under way when it opened changes nothing', () => {
  const open = after(times(5, () => unreachable(T0)));
  expect(observe(open, success(T0 + 1))).toBe(open);
  expect(observe(open, failure(T0 + 1))).toBe(open);
});

test('a receiver that always answers well never meets an open breaker, and memory stays small', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60_000), { maxLength: 300 }), (gaps) => {
      const breaker = after(gaps.sort((a, b) => a - b).map((gap) => success(T0 + gap * 60)));
      return breaker.state === 'closed' && breaker.buckets.length <= 21;
    }),
  );
});

/** What the rules say of a whole history, told without buckets or counters: the promise, not the way it is kept. */
function judgeHistory(history: readonly Observation[]) {
  let since: Observation[] = [];
  let open: { readonly until: number; readonly times: number; readonly probes: number } | undefined;
  const opened = (atMs: number, times: number) => {
    since = [];
    open = { until: atMs + Math.min(30_000 * 2 ** times, 900_000), times: times + 1, probes: 0 };
  };
  for (const seen of history) {
    if (open !== undefined) {
      if (seen.atMs < open.until) continue;
      if (!seen.success) opened(seen.atMs, open.times);
      else if (open.probes === 1) open = undefined;
      else open = { ...open, probes: open.probes + 1, until: Number.NEGATIVE_INFINITY };
      continue;
    }
    since.push(seen);
    const recent = since.filter(({ atMs }) => atMs > seen.atMs - WINDOW_MS);
    const failed = recent.filter(({ success: isSuccess }) => !isSuccess).length;
    const inARow = since.length - 1 - since.findLastIndex(({ unreachable: one }) => !one);
    if (inARow >= 5 || (!seen.success && recent.length >= 10 && failed / recent.length >= 0.7)) opened(seen.atMs, 0);
  }
  return { isClosed: open === undefined, until: open?.until };
}

test('every history of nine requests, of four kinds and moments, leads where the rules say', () => {
  // Each a request at its distance from the one before; the last is one after the longest first wait.
  const KINDS = [
    { success: true, unreachable: false, waitMs: 1 },
    { success: false, unreachable: false, waitMs: 1 },
    { success: false, unreachable: true, waitMs: 1 },
    { success: true, unreachable: false, waitMs: 60_000 },
  ];
  let judged = 0;
  const walk = (length: number, breaker: Breaker, history: readonly Observation[], nowMs: number): void => {
    const { isClosed, until = 0 } = judgeHistory(history);
    if (admits(breaker, nowMs) !== (isClosed ? 'all' : nowMs < until ? 'none' : 'probe')) {
      expect.fail(`${JSON.stringify(breaker)} after ${JSON.stringify(history)}`);
    }
    judged += 1;
    if (length === 0) return;
    for (const { waitMs, ...kind } of KINDS) {
      const seen = { ...kind, atMs: nowMs + waitMs };
      walk(length - 1, observe(breaker, seen), [...history, seen], seen.atMs);
    }
  };
  walk(9, CLOSED, [], T0);
  // The rate needs ten requests: once more behind eight failures that were answered.
  const eight = times(8, (index) => failure(T0 + index));
  walk(6, after(eight), eight, T0 + 7);
  expect(judged).toBe((4 ** 10 - 1) / 3 + (4 ** 7 - 1) / 3);
}, 30_000);
