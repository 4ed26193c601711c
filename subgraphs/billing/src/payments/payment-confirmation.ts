import type { ErrorCode } from '@bridgework/kernel/errors';

/**
 * Rows 11 to 17, 19 and 20 of the decision table: what becomes of a capture that is new to us. Pure, so that the table
 * can be read and tested as a table.
 *
 * @see docs/rules.md#payment-confirmation
 */
export interface Capture {
  readonly amountMinor: number;
  readonly currency: string;
  readonly capturedAt: Date;
}

/** An invoice as it stands under our lock. */
export interface PayableState {
  readonly status: 'DRAFT' | 'ISSUED' | 'PARTIALLY_PAID' | 'PAID' | 'VOID';
  readonly currency: string;
  readonly balanceMinor: number;
}

export type Verdict = Accepted | Refused;

export interface Accepted {
  readonly kind: 'accepted';
  readonly balanceBeforeMinor: number;
  readonly balanceAfterMinor: number;
  readonly invoiceStatus: 'PARTIALLY_PAID' | 'PAID';
}

export interface Refused {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** What was owed when it was judged; null where no invoice was found. */
  readonly balanceMinor: number | null;
  /** Money may have moved: the refusal is kept until a manager has resolved it. */
  readonly needsReview: boolean;
}

export type RefusalCode = Extract<
  ErrorCode,
  | 'NOT_FOUND'
  | 'TRANSACTION_CONFLICT'
  | 'INVOICE_NOT_PAYABLE'
  | 'INVOICE_ALREADY_PAID'
  | 'CURRENCY_MISMATCH'
  | 'AMOUNT_EXCEEDS_BALANCE'
  | 'CAPTURED_IN_FUTURE'
  | 'CONFIRMATION_TOO_OLD'
>;

/** Terminals' clocks run ahead by this much at most. */
export const MAX_AHEAD_MS = 5 * 60_000;
/** A terminal may be offline this long. */
export const MAX_AGE_MS = 7 * 24 * 60 * 60_000;

/** First matching row wins. */
export function judge(invoice: PayableState | null, capture: Capture, now: Date): Verdict {
  const code = refusalOf(invoice, capture, now);
  if (code !== null || invoice === null) {
    return {
      kind: 'refused',
      code: code ?? 'NOT_FOUND',
      balanceMinor: invoice?.balanceMinor ?? null,
      needsReview: code !== 'CAPTURED_IN_FUTURE',
    };
  }
  const balanceAfterMinor = invoice.balanceMinor - capture.amountMinor;
  return {
    kind: 'accepted',
    balanceBeforeMinor: invoice.balanceMinor,
    balanceAfterMinor,
    invoiceStatus: statusAfter(balanceAfterMinor),
  };
}

/** Status of an invoice on which something was just paid. */
export const statusAfter = (balanceMinor: number) => (balanceMinor === 0 ? 'PAID' : 'PARTIALLY_PAID');

function refusalOf(invoice: PayableState | null, capture: Capture, now: Date): RefusalCode | null {
  if (invoice === null) return 'NOT_FOUND';
  if (invoice.status === 'DRAFT' || invoice.status === 'VOID') return 'INVOICE_NOT_PAYABLE';
  if (invoice.status === 'PAID') return 'INVOICE_ALREADY_PAID';
  if (capture.currency !== invoice.currency) return 'CURRENCY_MISMATCH';
  if (capture.amountMinor > invoice.balanceMinor) return 'AMOUNT_EXCEEDS_BALANCE';
  const ageMs = now.getTime() - capture.capturedAt.getTime();
  if (ageMs < -MAX_AHEAD_MS) return 'CAPTURED_IN_FUTURE';
  if (ageMs > MAX_AGE_MS) return 'CONFIRMATION_TOO_OLD';
  return null;
}
