import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holdsCardNumber } from '../../subgraphs/billing/src/payments/card-number.ts';

describe('a card number', () => {
  test.each([
    ['4111111111111111', 'Visa'],
    ['5555555555554444', 'Mastercard'],
    ['2223003122003222', 'Mastercard of the second range'],
    ['378282246310005', 'American Express'],
    ['6011111111111117', 'Discover'],
    ['3530111333300000', 'JCB'],
    ['6200000000000005', 'UnionPay'],
    ['4111 1111 1111 1111', 'in groups'],
    ['txn-4111-1111-1111-1111-a', 'with dashes, among letters'],
    ['٤١١١١١١١١١١١١١١١', 'in Arabic-Indic digits'],
    ['۴۱۱۱۱۱۱۱۱۱۱۱۱۱۱۱', 'in Persian digits'],
    ['4111111111111111', 'in full-width digits'],
  ])('is seen in an identifier: %s (%s)', (text) => {
    expect(holdsCardNumber(text, 'identifier')).toBe(true);
    expect(holdsCardNumber(text, 'free text')).toBe(true);
  });

  test.each([
    ['0000000000000000', 'Luhn-valid, but of no issuer'],
    ['1234567890123452', 'Luhn-valid, but of no issuer'],
  ])('is not seen in an identifier, but is in free text: %s (%s)', (text) => {
    expect(holdsCardNumber(text, 'identifier')).toBe(false);
    expect(holdsCardNumber(text, 'free text')).toBe(true);
  });

  test.each(['4111111111111112', 'TERM-01', '20260302085900', '42', '41111111111111111111', ''])(
    'is not seen where there is none: %s',
    (text) => {
      expect(holdsCardNumber(text, 'identifier')).toBe(false);
      expect(holdsCardNumber(text, 'free text')).toBe(false);
    },
  );

  test.each([
    ['38064129-7828-4468-b870-d4ce74092043', false],
    ['2f57cec5-e31f-4278-9698-57646b874520', false],
    ['41111111-11111111', true],
    ['txn-38064129-7828-4468-b870', true],
  ])('is not seen in a UUID, which a terminal makes up: %s %s', (text, seen) => {
    expect(holdsCardNumber(text, 'identifier')).toBe(seen);
  });

  test('is rarely seen in random numbers of terminals', () => {
    const digits = fc.stringMatching(/^[0-9]{16}$/);
    const seen = fc.sample(digits, { numRuns: 5_000, seed: 7 }).filter((text) => holdsCardNumber(text, 'identifier'));
    expect(seen.length).toBeLessThan(5_000 * 0.04);
  });
});
