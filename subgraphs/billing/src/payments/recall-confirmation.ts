import type { EarlierConfirmation } from './find-confirmation.ts';
import type { Rejected } from './receipt.ts';

/** What an earlier confirmation of the same terminal transaction means for this one. */
export type Recalled =
  /** Nothing stands in the way: it is new, or was refused and no manager has resolved it, so it is judged (again). */
  | { readonly kind: 'open' }
  /** Row 9: it is a payment already. */
  | { readonly kind: 'recorded'; readonly confirmation: EarlierConfirmation }
  /** A manager has dealt with the refusal: it stands. */
  | { readonly kind: 'resolved'; readonly outcome: Rejected }
  /** Row 10: the transaction is known with other content. */
  | { readonly kind: 'other-content' };

/** Rows 9 and 10 of the decision table. Pure. `earlier` oldest first. */
export function recall(earlier: readonly EarlierConfirmation[], fingerprint: string): Recalled {
  // A repetition with other content says nothing about the transaction, also after a manager has resolved it.
  const about = earlier.filter(({ reason }) => reason !== 'TRANSACTION_CONFLICT');
  const last = (status: EarlierConfirmation['status']) => about.findLast((one) => one.status === status);
  const original = last('RECORDED') ?? last('RESOLVED') ?? last('REJECTED');
  if (original === undefined) return { kind: 'open' };
  if (original.fingerprint !== fingerprint) return { kind: 'other-content' };
  if (original.status === 'RECORDED') return { kind: 'recorded', confirmation: original };
  if (original.status === 'RESOLVED' && original.reason !== null) {
    return {
      kind: 'resolved',
      outcome: { kind: 'rejected', code: original.reason, confirmationId: original.id, balance: null },
    };
  }
  return { kind: 'open' };
}
