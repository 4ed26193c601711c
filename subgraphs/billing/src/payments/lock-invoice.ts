import type { Tx } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';
import type { PayableState } from './payment-confirmation.ts';

/** Locks an invoice until the transaction ends. A definer function, for our role may lock it but never update it. */
export async function lockInvoice(tx: Tx, invoiceId: string): Promise<PayableState | null> {
  const [row] = await tx.execute<{ status: PayableState['status']; currency: string; balance_minor: string }>(
    sql`select status, currency, total_minor - paid_minor as balance_minor from billing.lock_invoice(${invoiceId})`,
  );
  if (row === undefined) return null;
  return { status: row.status, currency: row.currency, balanceMinor: Number(row.balance_minor) };
}
