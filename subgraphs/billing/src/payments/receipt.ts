import type { EarlierConfirmation } from './find-confirmation.ts';
import { type RefusalCode, statusAfter } from './payment-confirmation.ts';

/** What a terminal is answered, and what is stored under its idempotency key: plain JSON. */
export type ConfirmationOutcome = Recorded | Rejected;

export interface Recorded {
  readonly kind: 'recorded';
  readonly receipt: Receipt;
}

export interface Rejected {
  readonly kind: 'rejected';
  readonly code: RefusalCode;
  /** The confirmation that waits for a manager; null where none is kept. */
  readonly confirmationId: string | null;
  /** Told with AMOUNT_EXCEEDS_BALANCE alone: what the terminal may still collect. */
  readonly balance: { readonly amountMinor: number; readonly currency: string } | null;
}

export interface Receipt {
  readonly confirmationId: string;
  readonly paymentId: string;
  readonly invoiceId: string;
  readonly status: 'RECORDED';
  readonly amountMinor: number;
  readonly currency: string;
  readonly balance: { readonly amountMinor: number; readonly currency: string };
  /** `YYYY-MM-DD` in the clinic's time zone. */
  readonly businessDate: string;
  readonly latePosted: boolean;
  readonly invoiceStatus: 'PARTIALLY_PAID' | 'PAID';
  /** The transaction had been recorded under another idempotency key. */
  readonly recordedEarlier: boolean;
}

/** The receipt of a confirmation that was recorded earlier, as it read then: later payments do not show in it. */
export function receiptOf(earlier: EarlierConfirmation): Receipt {
  const { id, paymentId, balanceMinor, businessDate, latePosted } = earlier;
  if (paymentId === null || balanceMinor === null || businessDate === null || latePosted === null) {
    throw new Error(`${id} is recorded without a payment`);
  }
  const balanceAfterMinor = balanceMinor - earlier.amountMinor;
  return {
    confirmationId: id,
    paymentId,
    invoiceId: earlier.invoiceId,
    status: 'RECORDED',
    amountMinor: earlier.amountMinor,
    currency: earlier.currency,
    balance: { amountMinor: balanceAfterMinor, currency: earlier.currency },
    businessDate,
    latePosted,
    invoiceStatus: statusAfter(balanceAfterMinor),
    recordedEarlier: true,
  };
}
