import type { Caller, Context } from '@bridgework/kernel/context';
import { and, desc, eq, sql } from 'drizzle-orm';
import { payments, terminalConfirmations } from '../tables.ts';

/** What the graph shows of a confirmation. */
export const confirmationColumns = {
  id: terminalConfirmations.id,
  integrationId: terminalConfirmations.integrationId,
  status: terminalConfirmations.status,
  reason: terminalConfirmations.reason,
  invoiceId: terminalConfirmations.invoiceId,
  paymentId: terminalConfirmations.paymentId,
  terminalId: terminalConfirmations.terminalId,
  terminalTxnId: terminalConfirmations.terminalTxnId,
  amountMinor: terminalConfirmations.amountMinor,
  currency: terminalConfirmations.currency,
  capturedAt: terminalConfirmations.capturedAt,
  receivedAt: terminalConfirmations.receivedAt,
  resolution: terminalConfirmations.resolution,
  resolutionReason: terminalConfirmations.resolutionReason,
  resolvedBy: terminalConfirmations.resolvedBy,
  resolvedAt: terminalConfirmations.resolvedAt,
  businessDate: payments.businessDate,
  latePosted: sql<boolean>`coalesce(${payments.latePosted}, false)`,
};

/** A confirmation as the graph shows it. */
export type Confirmation = NonNullable<Awaited<ReturnType<typeof findConfirmation>>>;

/** A confirmation of the caller's own; null for an unknown one and for anybody else's, which look the same. */
export async function findConfirmation(ctx: Context, id: string) {
  const [row] = await ctx.db
    .select(confirmationColumns)
    .from(terminalConfirmations)
    .leftJoin(payments, eq(payments.id, terminalConfirmations.paymentId))
    .where(and(eq(terminalConfirmations.id, id), ownedBy(ctx.caller)));
  return row ?? null;
}

/**
 * What became of a terminal's transaction, for a terminal that was offline; null when it never arrived. The recorded
 * confirmation, else the last refusal; a repetition with other content says nothing about the transaction itself.
 */
export async function findConfirmationByTransaction(
  ctx: Context,
  transaction: { readonly terminalId: string; readonly terminalTxnId: string },
) {
  const [row] = await ctx.db
    .select(confirmationColumns)
    .from(terminalConfirmations)
    .leftJoin(payments, eq(payments.id, terminalConfirmations.paymentId))
    .where(
      and(
        eq(terminalConfirmations.terminalId, transaction.terminalId),
        eq(terminalConfirmations.terminalTxnId, transaction.terminalTxnId),
        ownedBy(ctx.caller),
      ),
    )
    .orderBy(
      desc(sql`${terminalConfirmations.status} = 'RECORDED'`),
      sql`coalesce(${terminalConfirmations.reason}, '') = 'TRANSACTION_CONFLICT'`,
      desc(terminalConfirmations.key),
    )
    .limit(1);
  return row ?? null;
}

/** A partner sees its own; the clinic's people, whom @policy or a scope has let in, see all. */
const ownedBy = (caller: Caller) =>
  caller.kind === 'integration' ? eq(terminalConfirmations.integrationId, caller.integrationId) : undefined;
