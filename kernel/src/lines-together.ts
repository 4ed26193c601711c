import type { pino } from 'pino';

type Destination = Pick<ReturnType<typeof pino.destination>, 'write' | 'flushSync'>;

const FLUSH_MS = 100;
const MAX_LENGTH = 32 * 1024;

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
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    waiting.delete(together);
    const text = lines;
    lines = '';
    if (text !== '') destination.write(text);
  };
  const together: Destination = {
    write(line) {
      lines += line;
      if (lines.length >= MAX_LENGTH) flush();
      else if (timer === undefined) {
        timer = setTimeout(flush, FLUSH_MS).unref();
        waiting.add(together);
      }
      return true;
    },
    flushSync() {
      flush();
      destination.flushSync();
    },
  };
  return together;
}
