import type { Logger } from '@bridgework/kernel/logger';

/** Something done again and again until it is closed. */
export interface Repeating {
  /** Waits for the run under way. */
  close(): Promise<void>;
}

const FAILURE_DELAY_MS = 1_000;

/**
 * Runs `work` until closed, never twice at once. It answers how many milliseconds to wait before the next run. A failure
 * is logged and tried again after a second: the database may be restarting.
 */
export function repeat(name: string, log: Logger, work: () => Promise<number>): Repeating {
  let closed = false;
  let wakeUp: (() => void) | undefined;

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function run(): Promise<void> {
    while (!closed) {
      const delayMs = await work().catch((error: unknown) => {
        log.error({ job: name, err: error }, 'job.failed');
        return FAILURE_DELAY_MS;
      });
      if (!closed) await pause(delayMs);
    }
  }

  const running = run();
  return {
    async close() {
      closed = true;
      wakeUp?.();
      await running;
    },
  };
}
