import { raiseDueAge, raiseRecoveries, sweepDeliveries } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import type { WakeLanes } from '../jobs.ts';
import { type Repeating, repeat } from '../schedule.ts';

const EVERY_MS = 1_000;
const DUE_AGE_LIMIT_SECONDS = 15 * 60;

/** Each second: whatever the queue forgot is found in PostgreSQL and gets its lane again, and managers are told what is overdue or well again. */
export function startSweeper(ctx: Context, wake: WakeLanes, dueAgeLimitSeconds = DUE_AGE_LIMIT_SECONDS): Repeating {
  return repeat('webhook.sweep', ctx.log, async () => {
    wake(await sweepDeliveries(ctx));
    await raiseRecoveries(ctx);
    await raiseDueAge(ctx, dueAgeLimitSeconds);
    return EVERY_MS;
  });
}
