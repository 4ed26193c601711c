import type { pino } from 'pino';

type Destination = Pick<ReturnType<typeof pino.destination>, 'write' | 'flush' | 'flushSync'>;

const FLUSH_MS = 100;
/** Characters. */
export const MAX_WAITING = 32 * 1024;

/** Those of which lines wait. In front of pino's own listeners, which end the destination. */
const waiting = new Set<Destination>();
process.prependListener('beforeExit', () => flushAll());
process.prependListener('exit', () => flushAll());

function flushAll(): void {
  for (const one of waiting) one.flushSync();
}

/**
 * Log lines go out together: soon, and at once when the process ends or says `fatal`. A write apiece costs more than the
 * line, and a destination that gathers lines itself counts everything that waits anew with each of them.
 */
export function linesTogether(destination: Destination): Destination {
  let lines = '';
  let timer: NodeJS.Timeout | undefined;
  const hand = () => {
    clearTimeout(timer);
    timer = undefined;
    waiting.delete(together);
    const text = lines;
    lines = '';
    if (text !== '') destination.write(text);
  };
  const flush = () => {
    hand();
    destination.flush();
  };
  const together: Destination = {
    write(line) {
      lines += line;
      if (lines.length >= MAX_WAITING) flush();
      else if (timer === undefined) {
        timer = setTimeout(flush, FLUSH_MS).unref();
        waiting.add(together);
      }
      return true;
    },
    flush,
    flushSync() {
      hand();
      destination.flushSync();
    },
  };
  return together;
}
