import { setTimeout } from 'node:timers/promises';

/** The clinic's own clock. What happens in the play waits for it; only the rows carry its time. */
export interface ClinicClock {
  /** The night is passed over: from here on the clock runs from this instant. */
  skipTo(instant: Date): void;
  /** Resolves when the clock shows this instant; at once when it is past. Rejects when the play is stopped. */
  reach(instant: Date): Promise<void>;
}

/** A clock that runs so many times as fast as ours. */
export function createPacedClock(speed: number, signal: AbortSignal): ClinicClock {
  let from = { clinicMs: 0, ownMs: 0 };
  return {
    skipTo: (instant) => {
      from = { clinicMs: instant.getTime(), ownMs: performance.now() };
    },
    reach: async (instant) => {
      signal.throwIfAborted();
      const shownMs = from.clinicMs + (performance.now() - from.ownMs) * speed;
      const waitMs = (instant.getTime() - shownMs) / speed;
      if (waitMs > 0) await setTimeout(waitMs, undefined, { signal });
    },
  };
}

/** A clock that shows whatever it is asked for, at once. */
export const createJumpingClock = (): ClinicClock => ({ skipTo: () => undefined, reach: async () => undefined });
