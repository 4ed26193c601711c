import type { CallerRefusal } from '@bridgework/kernel/signed-caller';

export interface Refusals {
  /** Counts a refused request; returns at once. */
  note(reason: CallerRefusal): void;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

const WINDOW_MS = 60_000;

interface Tally {
  count: number;
  lastWrittenAt: number;
}

/**
 * Requests that were refused at the door, on their way into the audit log: at most one row per reason and minute, with
 * their number, so that a flood of them cannot fill it. The first of a reason is written at once.
 */
export function createRefusals(options: {
  readonly write: (reason: CallerRefusal, count: number) => Promise<void>;
  readonly now: () => Date;
  readonly windowMs?: number;
}): Refusals {
  const windowMs = options.windowMs ?? WINDOW_MS;
  const tallies = new Map<CallerRefusal, Tally>();
  const writing = new Set<Promise<void>>();
  const timer = setInterval(() => flush(false), Math.max(10, windowMs / 12));
  timer.unref();

  function flush(all: boolean): void {
    const at = options.now().getTime();
    for (const [reason, tally] of tallies) {
      if (tally.count === 0 || (!all && at - tally.lastWrittenAt < windowMs)) continue;
      const { count } = tally;
      tally.count = 0;
      tally.lastWrittenAt = at;
      const written = options.write(reason, count).finally(() => writing.delete(written));
      writing.add(written);
    }
  }

  return {
    note(reason) {
      const tally = tallies.get(reason) ?? { count: 0, lastWrittenAt: Number.NEGATIVE_INFINITY };
      tally.count += 1;
      tallies.set(reason, tally);
      flush(false);
    },
    async close() {
      clearInterval(timer);
      flush(true);
      await Promise.allSettled(writing);
    },
  };
}
