import fc from 'fast-check';
import { expect, test } from 'vitest';
import { admits, type Breaker, CLOSED, observe, WINDOW_MS } from '../../workers/src/outbound/breaker.ts';

const T0 = 1_800_000_000_000;
const success = (atMs: number) => ({ success: true, unreachable: false, atMs });
const failure = (atMs: number) => ({ success: false, unreachable: false, atMs });
const unreachable = (atMs: number) => ({ success: false, unreachable: true, atMs });
const after = (seen: readonly Parameters<typeof observe>[1][], from: Breaker = CLOSED) => seen.reduce(observe, from);
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
