import type { ControlLine, SignedSnapshot } from '@bridgework/schema';

export const HEARTBEAT_MS = 2_000;

/** The newest snapshot and those who wait for the next. A slow reader skips what was overtaken: snapshots are whole. */
export interface Feed {
  publish(snapshot: SignedSnapshot): void;
  latest(): SignedSnapshot | undefined;
  /** The newest snapshot at once, each newer one, and a heartbeat whenever nothing was said for two seconds. */
  lines(signal: AbortSignal): AsyncGenerator<ControlLine>;
}

export function createFeed(): Feed {
  let latest: SignedSnapshot | undefined;
  const waiting = new Set<() => void>();

  /** True when woken by a snapshot or the end of the stream, false when the time was up. */
  const news = (signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const settle = (woken: boolean): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve(woken);
      };
      const wake = (): void => settle(true);
      const timer = setTimeout(settle, HEARTBEAT_MS, false);
      waiting.add(wake);
      signal.addEventListener('abort', wake);
    });

  async function* lines(signal: AbortSignal): AsyncGenerator<ControlLine> {
    let sent: SignedSnapshot | undefined;
    while (!signal.aborted) {
      if (latest !== undefined && latest !== sent) {
        sent = latest;
        yield sent;
      } else if (!(await news(signal))) {
        yield { heartbeat: true };
      }
    }
  }

  return {
    publish(snapshot) {
      latest = snapshot;
      for (const wake of [...waiting]) wake();
    },
    latest: () => latest,
    lines,
  };
}
