import { endOldMessages, type MessageChannel, planMessages } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { type Repeating, repeat } from '../schedule.ts';

const EVERY_MS = 30_000;

/** Looks twice a minute what patients are to be reminded of, and ends what nobody will send any more. */
export function startPlanner(
  ctx: Context,
  options: { readonly channels: readonly MessageChannel[]; readonly everyMs?: number },
): Repeating {
  return repeat('message.plan', ctx.log, async () => {
    const planned = options.channels.length === 0 ? 0 : await planMessages(ctx, options.channels);
    const ended = await endOldMessages(ctx);
    if (planned + ended > 0) ctx.log.info({ planned, ended }, 'messages.planned');
    return options.everyMs ?? EVERY_MS;
  });
}
