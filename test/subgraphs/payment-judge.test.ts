import { expect, test } from 'vitest';
import {
  type Capture,
  judge,
  MAX_AGE_MS,
  MAX_AHEAD_MS,
  type PayableState,
} from '../../subgraphs/billing/src/payments/payment-confirmation.ts';

const now = new Date('2026-03-02T09:00:00.000Z');
const invoice: PayableState = { status: 'ISSUED', currency: 'SAR', balanceMinor: 10_000 };
const capture: Capture = { amountMinor: 10_000, currency: 'SAR', capturedAt: new Date('2026-03-02T08:59:00.000Z') };
const before = (ms: number) => new Date(now.getTime() - ms);

const judged = (state: Partial<PayableState> | null, said: Partial<Capture> = {}) =>
  judge(state && { ...invoice, ...state }, { ...capture, ...said }, now);

test.each([
  ['row 11: an unknown invoice', null, {}, 'NOT_FOUND', true],
  ['row 12: a draft', { status: 'DRAFT' }, {}, 'INVOICE_NOT_PAYABLE', true],
  ['row 12: a void invoice', { status: 'VOID' }, {}, 'INVOICE_NOT_PAYABLE', true],
  ['row 13: a paid invoice', { status: 'PAID', balanceMinor: 0 }, {}, 'INVOICE_ALREADY_PAID', true],
  ['row 14: another currency', {}, { currency: 'USD' }, 'CURRENCY_MISMATCH', true],
  ['row 15: one minor unit too much', {}, { amountMinor: 10_001 }, 'AMOUNT_EXCEEDS_BALANCE', true],
  [
    'row 16: captured a millisecond too far ahead',
    {},
    { capturedAt: before(-MAX_AHEAD_MS - 1) },
    'CAPTURED_IN_FUTURE',
    false,
  ],
  [
    'row 17: captured a millisecond too long ago',
    {},
    { capturedAt: before(MAX_AGE_MS + 1) },
    'CONFIRMATION_TOO_OLD',
    true,
  ],
  // First matching row wins.
  ['12 before 14', { status: 'VOID' }, { currency: 'USD' }, 'INVOICE_NOT_PAYABLE', true],
  ['13 before 15', { status: 'PAID', balanceMinor: 0 }, {}, 'INVOICE_ALREADY_PAID', true],
  ['14 before 15', {}, { currency: 'USD', amountMinor: 10_001 }, 'CURRENCY_MISMATCH', true],
  ['15 before 16', {}, { amountMinor: 10_001, capturedAt: before(-2 * MAX_AHEAD_MS) }, 'AMOUNT_EXCEEDS_BALANCE', true],
  ['15 before 17', {}, { amountMinor: 10_001, capturedAt: before(2 * MAX_AGE_MS) }, 'AMOUNT_EXCEEDS_BALANCE', true],
  ['11 before 17', null, { capturedAt: before(2 * MAX_AGE_MS) }, 'NOT_FOUND', true],
] as const)('refuses %s', (_, state, said, code, needsReview) => {
  const verdict = judged(state, said);
  expect(verdict).toMatchObject({ kind: 'refused', code, needsReview });
});

test('says what was owed, so that a terminal can collect the rest', () => {
  expect(judged({ balanceMinor: 700 }, { amountMinor: 701 })).toMatchObject({ balanceMinor: 700 });
  expect(judged(null)).toMatchObject({ balanceMinor: null });
});

test.each([
  ['row 19: less than is owed', {}, { amountMinor: 9_999 }, 1, 'PARTIALLY_PAID'],
  ['row 20: all that is owed', {}, {}, 0, 'PAID'],
  ['row 20: the rest', { status: 'PARTIALLY_PAID', balanceMinor: 4_000 }, { amountMinor: 4_000 }, 0, 'PAID'],
  ['captured just as far ahead as clocks may run', {}, { capturedAt: before(-MAX_AHEAD_MS) }, 0, 'PAID'],
  ['captured just seven days ago', {}, { capturedAt: before(MAX_AGE_MS) }, 0, 'PAID'],
] as const)('accepts %s', (_, state, said, balanceAfterMinor, invoiceStatus) => {
  expect(judged(state, said)).toMatchObject({ kind: 'accepted', balanceAfterMinor, invoiceStatus });
});
