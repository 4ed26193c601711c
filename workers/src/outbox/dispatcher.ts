import { fanOutEvents } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import type { WakeLanes } from '../jobs.ts';
import { type Repeating, repeat } from '../schedule.ts';

const IDLE_MS = 20;
const BUSY_MS = 5;
/** So many at once: what is fanned out is claimed only when all of it is there, and its endpoints are locked meanwhile. */
const MAX_EVENTS = 100;

/**
 * Turns committed events into deliveries. It polls: a NOTIFY in the trigger would serialise every commit of the clinic's
 * own database, and an empty poll costs less than a tenth of a millisecond.
 */
export function startDispatcher(ctx: Context, wake: WakeLanes): Repeating {
  return repeat('outbox.dispatch', ctx.log, async () => {
    const { events, endpointIds } = await fanOutEvents(ctx, { limit: MAX_EVENTS });
    wake(endpointIds);
    if (events === MAX_EVENTS) return 0;
    return events > 0 ? BUSY_MS : IDLE_MS;
  });
}
