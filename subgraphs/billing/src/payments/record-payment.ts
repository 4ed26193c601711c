import type { Tx } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { sql } from 'drizzle-orm';
import { payments, terminalConfirmations } from '../tables.ts';
import type { ConfirmPayment } from './parse-confirmation.ts';
import type { Accepted } from './payment-confirmation.ts';
import type { Receipt } from './receipt.ts';
import type { Terminal } from './record-refusal.ts';

/**
 * Books an accepted capture and confirms it. The database decides the business date (the next open day when the day of
 * the capture is closed), moves the invoice on and writes the event, all by triggers.
 */
export async function recordPayment(
  tx: Tx,
  terminal: Terminal,
  input: ConfirmPayment,
  verdict: Accepted,
): Promise<Receipt> {
  const paymentId = newId('pay');
  const confirmationId = newId('cnf');
  const [placed] = await tx
    .insert(payments)
    .values({
      id: paymentId,
      invoiceId: input.invoiceId,
      currency: input.currency,
      amountMinor: input.amountMinor,
      method: 'CARD',
      capturedAt: input.capturedAt,
      // Both are the trigger's to decide, under a lock on the day.
      businessDate: sql`null`,
      latePosted: sql`null`,
      integrationId: terminal.integrationId,
      terminalId: input.terminalId,
      terminalTxnId: input.terminalTxnId,
      cardScheme: input.card?.scheme ?? null,
      cardLast4: input.card?.last4 ?? null,
      approvalCode: input.approvalCode,
    })
    .returning({ businessDate: payments.businessDate, latePosted: payments.latePosted });
  if (placed === undefined) throw new Error('an insert returned no row');
  await tx.insert(terminalConfirmations).values({
    id: confirmationId,
    ...terminal,
    invoiceId: input.invoiceId,
    amountMinor: input.amountMinor,
    currency: input.currency,
    terminalId: input.terminalId,
    terminalTxnId: input.terminalTxnId,
    capturedAt: input.capturedAt,
    cardScheme: input.card?.scheme ?? null,
    cardLast4: input.card?.last4 ?? null,
    approvalCode: input.approvalCode,
    status: 'RECORDED',
    balanceMinor: verdict.balanceBeforeMinor,
    paymentId,
  });
  return {
    confirmationId,
    paymentId,
    invoiceId: input.invoiceId,
    status: 'RECORDED',
    amountMinor: input.amountMinor,
    currency: input.currency,
    balance: { amountMinor: verdict.balanceAfterMinor, currency: input.currency },
    businessDate: placed.businessDate,
    latePosted: placed.latePosted,
    invoiceStatus: verdict.invoiceStatus,
    recordedEarlier: false,
  };
}
