import { type AttemptResult, type Release, settleDeliveries } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import type { Breakers } from './breakers.ts';

/**
 * Gathers results for about three milliseconds, or while those before are written, and writes them in one transaction:
 * the more there is to do, the more of it a transaction carries.
 */
export interface Settler {
  /** Resolves once the result is stored, or has been given up to the lease's end. */
  settle(attempt: AttemptResult): Promise<void>;
  release(releases: readonly Release[]): Promise<void>;
}

const GATHER_MS = 3;
/** Transactions at once; the second goes on where the first waits for the lock of an endpoint. */
const MAX_WRITES = 2;
const MAX_BATCH = 500;
const RETRY_MS = 200;
/** After this the lease has run out: the row is due again, and a late word would be refused. */
const GIVE_UP_MS = 8_000;

interface Gathered {
  readonly attempts: AttemptResult[];
  readonly releases: Release[];
  readonly done: Promise<void>;
}

export function createSettler(ctx: Context, breakers: Breakers): Settler {
  let open: Gathered | undefined;
  let writes = 0;
  const waiting: (() => void)[] = [];

  function gather(): Gathered {
    if (open !== undefined) return open;
    const attempts: AttemptResult[] = [];
    const releases: Release[] = [];
    const done = pause(GATHER_MS).then(() => write(attempts, releases, () => leave()));
    const gathered = { attempts, releases, done };
    const leave = (): void => {
      if (open === gathered) open = undefined;
    };
    open = gathered;
    return gathered;
  }

  async function inTurn(work: () => Promise<void>): Promise<void> {
    if (writes >= MAX_WRITES) await new Promise<void>((resolve) => waiting.push(resolve));
    else writes += 1;
    try {
      await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) writes -= 1;
      else next();
    }
  }

  /** PostgreSQL may be away for a moment. Until the lease ends we are the ones to say what came of these attempts. */
  async function write(
    attempts: readonly AttemptResult[],
    releases: readonly Release[],
    begins: () => void,
  ): Promise<void> {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    let taken: ReturnType<Breakers['takeChanges']> | undefined;
    // One try to a turn: who waits for PostgreSQL to come back keeps nobody else from it.
    for (let isDone = false; !isDone; ) {
      try {
        await inTurn(async () => {
          begins();
          taken ??= breakers.takeChanges();
          const settled = await settleDeliveries(ctx, { attempts, releases, breakers: taken.changes });
          if (settled < attempts.length) {
            ctx.log.warn({ count: attempts.length - settled }, 'delivery.result_too_late');
          }
        });
        isDone = true;
      } catch (error) {
        isDone = performance.now() > giveUpAt;
        if (isDone) ctx.log.error({ err: error, count: attempts.length }, 'delivery.settle_given_up');
        else ctx.log.warn({ err: error, count: attempts.length }, 'delivery.settle_failed');
        if (!isDone) await pause(RETRY_MS);
      }
    }
    taken?.stored();
  }

  return {
    settle(attempt) {
      const batch = gather();
      batch.attempts.push(attempt);
      if (batch.attempts.length >= MAX_BATCH) open = undefined;
      return batch.done;
    },
    release(releases) {
      const batch = gather();
      batch.releases.push(...releases);
      return batch.done;
    },
  };
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
