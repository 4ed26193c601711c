import { timingSafeEqual } from 'node:crypto';
import type { MessageSecrets } from '@bridgework/kernel/config';
import type { Context } from '@bridgework/kernel/context';
import { MessageCallback, type MessageCallbackTaken } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { parseInput } from '../input.ts';
import type { CallbackReader, Receipt } from './callback.ts';
import { recordOptOut } from './record-opt-out.ts';
import { isStopWord } from './stop-words.ts';
import { createTwilioCallback } from './twilio-callback.ts';
import { createWhatsAppCallback } from './whatsapp-callback.ts';

/**
 * Takes what a message provider calls back, if the provider signed it: a receipt moves its message on, a reply that wants
 * silence is remembered. Nothing else can come of it, and what is known already changes nothing.
 */
export async function takeCallback(
  ctx: Context,
  secrets: MessageSecrets | undefined,
  given: unknown,
): Promise<MessageCallbackTaken> {
  const { provider, ...callback } = parseInput(MessageCallback, given);
  const reader = readerOf(provider, secrets);
  if (reader === undefined) return { taken: false, known: false };
  if (!reader.isSigned(callback)) return { taken: false, known: true };
  for (const news of reader.read(callback)) {
    if (news.kind === 'receipt') await recordReceipt(ctx, provider, reader, news);
    else if (isStopWord(news.text) && (await recordOptOut(ctx, news.phone, reader.channel))) {
      ctx.log.info({ provider }, 'message.opted_out');
    }
  }
  return { taken: true, known: true };
}

function readerOf(provider: string, secrets: MessageSecrets | undefined): CallbackReader | undefined {
  const { twilioAuthToken, whatsAppAppSecret } = secrets ?? {};
  if (provider === 'twilio' && twilioAuthToken !== undefined) return createTwilioCallback(twilioAuthToken);
  if (provider === 'whatsapp' && whatsAppAppSecret !== undefined) return createWhatsAppCallback(whatsAppAppSecret);
  return undefined;
}

async function recordReceipt(ctx: Context, provider: string, { channel }: CallbackReader, receipt: Receipt) {
  const [row] = await ctx.db.execute<{ moved: boolean }>(sql`
    select integration.record_receipt(${provider}, ${channel}, ${receipt.messageId}, ${receipt.providerMessageId},
      ${receipt.state}, ${receipt.reason}, ${ctx.now().toISOString()}::timestamptz) as moved`);
  if (row?.moved === true)
    ctx.log.info({ provider, message: receipt.messageId, state: receipt.state }, 'message.moved');
}

/** Meta asks once whether the callback's address is ours: true when it knows the word that we told it. */
export function knowsVerifyToken(secrets: MessageSecrets | undefined, given: string): boolean {
  const expected = Buffer.from(secrets?.whatsAppVerifyToken ?? '');
  const token = Buffer.from(given);
  return expected.length > 0 && token.length === expected.length && timingSafeEqual(token, expected);
}
