import { sweepDeliveries } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import type { WakeLanes } from '../jobs.ts';
import { type Repeating, repeat } from '../schedule.ts';

const EVERY_MS = 1_000;

/** Each second: whatever the queue forgot is found in PostgreSQL and gets its lane again. */
export function startSweeper(ctx: Context, wake: WakeLanes): Repeating {
  return repeat('webhook.sweep', ctx.log, async () => {
    wake(await sweepDeliveries(ctx));
    return EVERY_MS;
  });
}
