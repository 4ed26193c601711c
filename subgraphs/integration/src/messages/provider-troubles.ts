import { type Alert, raiseAlert } from '@bridgework/kernel/alerts';
import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import type { MessageChannel } from './message.ts';

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

const alertOf = (provider: string, kind: 'failing' | 'recovered', detail: string, windowSeconds: number): Alert => ({
  kind: `provider.${kind}`,
  entity: 'message_provider',
  entityId: provider,
  detail,
  windowSeconds,
});

/**
 * Tells the managers that a provider of messages is not well: once until it is well again, and once more each day that it
 * is not, however many messages and workers meet it.
 */
export async function raiseProviderFailing(ctx: Context, provider: string): Promise<void> {
  // A provider that fails again after it had recovered is news, though not more than once an hour.
  const windowSeconds = (await isTroubled(ctx, provider)) ? DAY_SECONDS : HOUR_SECONDS;
  const detail = `Reminders cannot be sent: ${provider} refuses them or does not answer. They wait and are tried again; what comes too late is not sent. Look at the provider's state and at our account there.`;
  await raiseAlert(ctx.db, alertOf(provider, 'failing', detail, windowSeconds));
}

/**
 * To be called after a message that a provider took. Tells the managers, once for each trouble they heard of, that it is
 * over: when no message of that provider is left that failed before and is to be tried again.
 *
 * Returns false while there is still something to be told.
 */
export async function raiseProviderRecovered(
  ctx: Context,
  provider: string,
  channel: MessageChannel,
): Promise<boolean> {
  if (!(await isTroubled(ctx, provider))) return true;
  const [waiting] = await ctx.db.execute(sql`
    select 1 from integration.messages where status = 'QUEUED' and channel = ${channel} and attempts > 0 limit 1`);
  if (waiting !== undefined) return false;
  const detail = `Reminders go out again by ${provider}.`;
  return (await raiseAlert(ctx.db, alertOf(provider, 'recovered', detail, HOUR_SECONDS))) !== null;
}

/** Whether the last that managers heard of it is that it fails: what alerts said outlives every worker. */
async function isTroubled(ctx: Context, provider: string): Promise<boolean> {
  const [last] = await ctx.db.execute<{ kind: string }>(sql`
    select kind from integration.alerts
    where entity = 'message_provider' and entity_id = ${provider} and kind in ('provider.failing', 'provider.recovered')
    order by raised_at desc, key desc limit 1`);
  return last?.kind === 'provider.failing';
}
