import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';

/** What became of an attempt to send a message. */
export type MessageVerdict =
  | {
      readonly kind: 'sent';
      readonly provider: string;
      readonly providerMessageId: string;
      readonly segments: number | null;
      /** Delivered with that: no receipt will follow. */
      readonly delivered: boolean;
    }
  | { readonly kind: 'retry'; readonly at: Date; readonly unclear: boolean }
  | { readonly kind: 'failed' | 'suppressed'; readonly reason: string };

/** Writes down what became of a claimed message; false when the claim had lapsed or a receipt was quicker. */
export async function settleMessage(
  ctx: Context,
  { id, leaseToken }: { readonly id: string; readonly leaseToken: string },
  verdict: MessageVerdict,
): Promise<boolean> {
  return ctx.db.transaction(async (tx) => {
    // One after the other: of two messages that a provider gives one id, the second one must see the first.
    if (verdict.kind === 'sent')
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`message ${verdict.provider}`}, 0))`);
    const rows = await tx.execute(sql`
      update integration.messages set ${changeOf(verdict, ctx.now())}, lease_token = null, lease_expires_at = null
      where id = ${id} and lease_token = ${leaseToken}::uuid and status = 'QUEUED' returning id`);
    if (rows.length === 0) return false;
    if (verdict.kind === 'sent' && verdict.delivered) {
      await tx.execute(sql`update integration.messages set status = 'DELIVERED' where id = ${id}`);
    }
    return true;
  });
}

function changeOf(verdict: MessageVerdict, now: Date) {
  switch (verdict.kind) {
    case 'sent':
      // A provider that gives two messages one id talks nonsense; receipts find this one by our own.
      return sql`status = 'SENT', provider = ${verdict.provider}, segments = ${verdict.segments}::smallint,
        sent_at = ${now.toISOString()}::timestamptz, provider_message_id = case when not exists (
          select from integration.messages as other where other.provider = ${verdict.provider}
            and other.provider_message_id = ${verdict.providerMessageId}) then ${verdict.providerMessageId} end`;
    case 'retry':
      return sql`send_at = ${verdict.at.toISOString()}::timestamptz,
        unclear_attempts = unclear_attempts + ${verdict.unclear ? 1 : 0}`;
    default:
      return sql`status = ${verdict.kind.toUpperCase()}, status_reason = ${verdict.reason}`;
  }
}
