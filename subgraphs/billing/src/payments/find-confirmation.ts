import type { Tx } from '@bridgework/kernel/database';
import { and, asc, eq } from 'drizzle-orm';
import { payments, terminalConfirmations } from '../tables.ts';
import type { NaturalKey } from './lock-natural-key.ts';
import type { RefusalCode } from './payment-confirmation.ts';

/** What is already known of a terminal's transaction. */
export interface EarlierConfirmation {
  readonly id: string;
  readonly status: 'RECORDED' | 'REJECTED' | 'RESOLVED' | 'DUPLICATE';
  /** The code it was refused with. */
  readonly reason: RefusalCode | null;
  readonly fingerprint: string;
  readonly invoiceId: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** What was owed when it was judged. */
  readonly balanceMinor: number | null;
  readonly paymentId: string | null;
  readonly businessDate: string | null;
  readonly latePosted: boolean | null;
}

/**
 * All that a terminal's transaction has led to, oldest first. Call it under the natural key's lock.
 * More than one row: refusals that were judged again, and repetitions with other content.
 */
export function findConfirmations(tx: Tx, key: NaturalKey): Promise<EarlierConfirmation[]> {
  return tx
    .select({
      id: terminalConfirmations.id,
      status: terminalConfirmations.status,
      reason: terminalConfirmations.reason,
      fingerprint: terminalConfirmations.fingerprint,
      invoiceId: terminalConfirmations.invoiceId,
      amountMinor: terminalConfirmations.amountMinor,
      currency: terminalConfirmations.currency,
      balanceMinor: terminalConfirmations.balanceMinor,
      paymentId: terminalConfirmations.paymentId,
      businessDate: payments.businessDate,
      latePosted: payments.latePosted,
    })
    .from(terminalConfirmations)
    .leftJoin(payments, eq(payments.id, terminalConfirmations.paymentId))
    .where(
      and(
        eq(terminalConfirmations.integrationId, key.integrationId),
        eq(terminalConfirmations.terminalId, key.terminalId),
        eq(terminalConfirmations.terminalTxnId, key.terminalTxnId),
      ),
    )
    .orderBy(asc(terminalConfirmations.key));
}
