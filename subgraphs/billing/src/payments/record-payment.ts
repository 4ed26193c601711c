import type { Tx } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { sql } from 'drizzle-orm';
import { terminalConfirmations } from '../tables.ts';
import type { ConfirmPayment } from './parse-confirmation.ts';
import type { Accepted } from './payment-confirmation.ts';
import type { Receipt } from './receipt.ts';
import type { Terminal } from './record-refusal.ts';

/**
 * Books an accepted capture and confirms it. The core decides the business date (the next open day when the day of the
 * capture is closed), moves the invoice on and writes the event.
 */
export async function recordPayment(
  tx: Tx,
  terminal: Terminal,
  input: ConfirmPayment,
  verdict: Accepted,
): Promise<Receipt> {
  const confirmationId = newId('cnf');
  const { paymentId, businessDate, latePosted } = await book(tx, terminal, input);
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
    businessDate,
    latePosted,
    invoiceStatus: verdict.invoiceStatus,
    recordedEarlier: false,
  };
}

interface Booked {
  readonly paymentId: string;
  readonly businessDate: string;
  readonly latePosted: boolean;
}

/**
 * The seam to the clinic's core, which may keep its own tables behind this function.
 *
 * @see docs/connecting-your-core.md
 */
async function book(tx: Tx, { integrationId }: Terminal, input: ConfirmPayment): Promise<Booked> {
  const { invoiceId, amountMinor, currency, capturedAt, terminalId, terminalTxnId, card, approvalCode } = input;
  const [row] = await tx.execute<{ result: string; id: string; date: string; late: boolean }>(
    sql`select result, payment_id as id, business_date::text as date, late_posted as late
      from billing.record_terminal_payment(${invoiceId}, ${amountMinor}, ${currency}, ${capturedAt.toISOString()},
        ${integrationId}, ${terminalId}, ${terminalTxnId}, ${card?.scheme ?? null}, ${card?.last4 ?? null},
        ${approvalCode})`,
  );
  // It was judged under the invoice's lock: a core that decides otherwise contradicts what it has just shown.
  if (row?.result !== 'RECORDED') throw new Error(`the core answered ${row?.result} for a capture that was accepted`);
  return { paymentId: row.id, businessDate: row.date, latePosted: row.late };
}
