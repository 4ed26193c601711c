import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isUnreachable, nameOutcome, SEND_FAILURES } from '../../workers/src/outbound/outcome.ts';
import { MAX_RETRY_AFTER_SECONDS, nextDelaySeconds, readRetryAfter } from '../../workers/src/outbound/retry.ts';
import { DEFAULT_SCHEDULE_SECONDS } from '../../workers/src/webhooks/schedule.ts';
import { judge } from '../../workers/src/webhooks/verdict.ts';

const input = { attemptsMade: 1, scheduleSeconds: DEFAULT_SCHEDULE_SECONDS, random: 0.5 };

describe('what becomes of a delivery after an attempt', () => {
  test('every 2xx delivers, at any attempt', () => {
    for (let status = 200; status < 300; status += 1) {
      expect(judge({ kind: 'answered', status }, { ...input, attemptsMade: 99 })).toEqual({ kind: 'delivered' });
    }
  });

  test('410 ends it at once, at any attempt', () => {
    expect(judge({ kind: 'answered', status: 410 }, input)).toEqual({ kind: 'dead', reason: 'gone' });
    expect(judge({ kind: 'answered', status: 410 }, { ...input, attemptsMade: 99 })).toMatchObject({ reason: 'gone' });
  });

  test('every other status is retried, redirects included', () => {
    const others = fc
      .integer({ min: 100, max: 599 })
      .filter((status) => (status < 200 || status > 299) && status !== 410);
    fc.assert(fc.property(others, (status) => judge({ kind: 'answered', status }, input).kind === 'retry'));
  });

  test('every failure without an answer is retried, and after the last step it is dead', () => {
    for (const failure of SEND_FAILURES) {
      expect(judge({ kind: 'failed', failure }, input).kind).toBe('retry');
      const last = { ...input, attemptsMade: DEFAULT_SCHEDULE_SECONDS.length + 1 };
      expect(judge({ kind: 'failed', failure }, last)).toEqual({ kind: 'dead', reason: 'exhausted' });
    }
  });

  test('an outcome is named in one word', () => {
    expect(nameOutcome({ kind: 'answered', status: 204 })).toBe('ok');
    expect(nameOutcome({ kind: 'answered', status: 302 })).toBe('http');
    expect(nameOutcome({ kind: 'failed', failure: 'tls' })).toBe('tls');
  });

  test('only what never reached the receiver counts as unreachable', () => {
    const unreachable = SEND_FAILURES.filter((failure) => isUnreachable({ kind: 'failed', failure }));
    expect(unreachable).toEqual(['timeout', 'dns', 'connect']);
    expect(isUnreachable({ kind: 'answered', status: 500 })).toBe(false);
  });
});

describe('the schedule', () => {
  test('is eleven attempts over about three days', () => {
    expect(DEFAULT_SCHEDULE_SECONDS).toEqual([5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400, 86_400]);
  });

  test('stays within 20 % of each step', () => {
    fc.assert(
      fc.property(
        fc.nat(DEFAULT_SCHEDULE_SECONDS.length - 1),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (step, random) => {
          const base = DEFAULT_SCHEDULE_SECONDS[step] ?? 0;
          const delay = nextDelaySeconds({ attemptsMade: step + 1, scheduleSeconds: DEFAULT_SCHEDULE_SECONDS, random });
          return delay !== undefined && delay >= base * 0.8 - 1e-9 && delay <= base * 1.2 + 1e-9;
        },
      ),
    );
  });

  test('waits as long as the receiver asks for, up to a day, and never less than the step', () => {
    const ask = (retryAfterSeconds: number) => nextDelaySeconds({ ...input, retryAfterSeconds });
    expect(ask(100)).toBe(100);
    expect(ask(1)).toBe(5);
    expect(ask(10 ** 9)).toBe(MAX_RETRY_AFTER_SECONDS);
  });

  test('a schedule of its own may be shorter', () => {
    expect(nextDelaySeconds({ attemptsMade: 1, scheduleSeconds: [], random: 0 })).toBeUndefined();
    expect(nextDelaySeconds({ attemptsMade: 2, scheduleSeconds: [1], random: 0 })).toBeUndefined();
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-03-01T08:00:00Z');
  test.each([
    ['120', 120],
    [' 7 ', 7],
    ['Sun, 01 Mar 2026 08:01:00 GMT', 60],
    ['Sun, 01 Mar 2026 07:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %j as %j seconds', (header, seconds) => {
    expect(readRetryAfter(header, now)).toBe(seconds);
  });
});
