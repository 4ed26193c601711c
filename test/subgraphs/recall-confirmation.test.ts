import { expect, test } from 'vitest';
import type { EarlierConfirmation } from '../../subgraphs/billing/src/payments/find-confirmation.ts';
import { recall } from '../../subgraphs/billing/src/payments/recall-confirmation.ts';

const row = (said: Partial<EarlierConfirmation>): EarlierConfirmation => ({
  id: 'cnf_1',
  status: 'REJECTED',
  reason: 'NOT_FOUND',
  fingerprint: 'same',
  invoiceId: 'inv_1',
  amountMinor: 1,
  currency: 'SAR',
  balanceMinor: null,
  paymentId: null,
  businessDate: null,
  latePosted: null,
  ...said,
});
const recorded = row({ status: 'RECORDED', reason: null });
const rejected = row({});
const resolved = row({ status: 'RESOLVED' });
const conflict = row({ status: 'DUPLICATE', reason: 'TRANSACTION_CONFLICT', fingerprint: 'other' });
const resolvedConflict = row({ status: 'RESOLVED', reason: 'TRANSACTION_CONFLICT', fingerprint: 'other' });

test.each([
  ['nothing', [], 'same', 'open'],
  ['a payment', [recorded], 'same', 'recorded'],
  ['a payment of other content', [recorded], 'else', 'other-content'],
  ['a refusal', [rejected], 'same', 'open'],
  ['a refusal of other content', [rejected], 'else', 'other-content'],
  ['a refusal that is resolved', [rejected, resolved], 'same', 'resolved'],
  ['a refusal, then the payment', [rejected, recorded], 'same', 'recorded'],
  ['a payment, then a conflict, asked by the conflict', [recorded, conflict], 'other', 'other-content'],
  ['a payment, then a resolved conflict, asked by the payment', [recorded, resolvedConflict], 'same', 'recorded'],
  ['a refusal, then a resolved conflict, asked by the refusal', [rejected, resolvedConflict], 'same', 'open'],
] as const)('after %s a confirmation is judged as it should', (_, earlier, fingerprint, kind) => {
  expect(recall(earlier, fingerprint).kind).toBe(kind);
});
