import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import type { MessageChannel } from './message.ts';

const AT_MOST = 500;

/**
 * Queues what patients are to be reminded of by now: appointments that begin within a day, payments that fall due within
 * two. One for each version of the thing; whoever cannot be written to gets a row that says why. `channels`, the most
 * wanted first, are those that there is a provider for. Answers how many rows that were.
 *
 * @see docs/rules.md#messages
 */
export async function planMessages(ctx: Context, channels: readonly MessageChannel[]): Promise<number> {
  let total = 0;
  for (;;) {
    const [row] = await ctx.db.execute<{ planned: number }>(sql`
      select integration.plan_messages(${ctx.now().toISOString()}::timestamptz, ${textArray(channels)}, ${AT_MOST})
        as planned`);
    const planned = row?.planned ?? 0;
    total += planned;
    if (planned < AT_MOST) return total;
  }
}

/** Ends what was not sent in time and what no receipt came for in three days; answers how many. */
export async function endOldMessages(ctx: Context): Promise<number> {
  const [row] = await ctx.db.execute<{ ended: number }>(
    sql`select integration.end_old_messages(${ctx.now().toISOString()}::timestamptz) as ended`,
  );
  return row?.ended ?? 0;
}

export const textArray = (texts: readonly string[]) =>
  sql`(select array_agg(value) from jsonb_array_elements_text(${JSON.stringify(texts)}::jsonb))`;
