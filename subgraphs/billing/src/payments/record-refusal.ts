import type { Tx } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { sql } from 'drizzle-orm';
import { terminalConfirmations } from '../tables.ts';
import type { EarlierConfirmation } from './find-confirmation.ts';
import type { ConfirmPayment } from './parse-confirmation.ts';
import type { Refused } from './payment-confirmation.ts';
import type { Rejected } from './receipt.ts';

/** Who confirms, and the fingerprint of what it confirms. */
export interface Terminal {
  readonly integrationId: string;
  readonly tokenId: string;
  /** SHA-256 hex of the confirmed content. */
  readonly fingerprint: string;
}

/**
 * A refusal is a fact too: captured money may have moved. What needs a review is kept outside the ledger until a manager
 * has resolved it; the same content refused again for the same reason is not kept twice.
 */
export async function recordRefusal(
  tx: Tx,
  terminal: Terminal,
  input: ConfirmPayment,
  verdict: Refused,
  earlier: readonly EarlierConfirmation[],
): Promise<Rejected> {
  const known = earlier.find(
    ({ reason, fingerprint }) => reason === verdict.code && fingerprint === terminal.fingerprint,
  );
  const confirmationId = known?.id ?? (verdict.needsReview ? await keep(tx, terminal, input, verdict) : null);
  return { kind: 'rejected', code: verdict.code, confirmationId, balance: balanceShown(input, verdict) };
}

const balanceShown = ({ currency }: ConfirmPayment, { code, balanceMinor }: Refused) =>
  code === 'AMOUNT_EXCEEDS_BALANCE' && balanceMinor !== null ? { amountMinor: balanceMinor, currency } : null;

async function keep(tx: Tx, terminal: Terminal, input: ConfirmPayment, verdict: Refused): Promise<string> {
  const id = newId('cnf');
  await tx.insert(terminalConfirmations).values({
    id,
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
    status: verdict.code === 'TRANSACTION_CONFLICT' ? 'DUPLICATE' : 'REJECTED',
    reason: verdict.code,
    balanceMinor: verdict.balanceMinor,
  });
  if (ALERTED.has(verdict.code)) await tellManagers(tx, terminal, verdict.code);
  return id;
}

/** Rows 10, 12, 13 and 15: money was taken that the ledger cannot hold, and somebody should look soon. */
const ALERTED: ReadonlySet<Refused['code']> = new Set([
  'TRANSACTION_CONFLICT',
  'INVOICE_NOT_PAYABLE',
  'INVOICE_ALREADY_PAID',
  'AMOUNT_EXCEEDS_BALANCE',
]);

/** Once an hour for an integration, however many captures wait. */
async function tellManagers(tx: Tx, { integrationId }: Terminal, code: Refused['code']): Promise<void> {
  const detail = `A terminal captured money that could not be booked (${code}); its confirmation waits for a review.`;
  await tx.execute(sql`
    select integration.raise_alert('terminal_confirmation.refused', 'integration', ${integrationId}, ${detail})`);
}
