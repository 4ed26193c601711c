import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import type { MessageChannel } from './message.ts';

/** Remembers that a number wants no more messages, on any channel; false when it was known. `phone` is E.164. */
export async function recordOptOut(ctx: Context, phone: string, channel: MessageChannel): Promise<boolean> {
  const statement = sql`select integration.record_opt_out(${phone}, ${channel}, ${ctx.now().toISOString()}::timestamptz) as fresh`;
  // A statement that failed carries its values, and this one's is a telephone number.
  const [row] = await ctx.db.execute<{ fresh: boolean }>(statement).catch((error: Error) => {
    throw new Error('The opt-out was not recorded.', { cause: error.cause });
  });
  return row?.fresh ?? false;
}
