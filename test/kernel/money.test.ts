import { formatMinor, splitByWeights } from '@bridgework/kernel/money';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

describe('an amount as decimal text', () => {
  test.each([
    [123_450, 2, '1234.50'],
    [5, 3, '0.005'],
    [-5, 2, '-0.05'],
    [1500, 0, '1500'],
    [0, 3, '0.000'],
    [Number.MAX_SAFE_INTEGER, 2, '90071992547409.91'],
  ])('%i with exponent %i reads %s', (amount, exponent, text) => {
    expect(formatMinor(amount, exponent)).toBe(text);
  });

  test('is refused for what is no whole number of minor units', () => {
    expect(() => formatMinor(1.5, 2)).toThrow(RangeError);
    expect(() => formatMinor(2 ** 53, 2)).toThrow(RangeError);
    expect(() => formatMinor(1, -1)).toThrow(RangeError);
  });
});

describe('a split by largest remainder', () => {
  test('gives the surplus minor units to the first parts', () => {
    expect(splitByWeights(100_000, [1, 1, 1])).toEqual([33_334, 33_333, 33_333]);
    expect(splitByWeights(100_001, [1, 1, 1])).toEqual([33_334, 33_334, 33_333]);
    expect(splitByWeights(100, [1, 2, 1])).toEqual([25, 50, 25]);
    expect(splitByWeights(0, [3, 4])).toEqual([0, 0]);
  });

  test('never loses a minor unit and never strays a whole unit from the exact share', () => {
    const weights = fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(fc.maxSafeNat(), weights, (total, parts) => {
        fc.pre(parts.some((weight) => weight > 0));
        const shares = splitByWeights(total, parts);
        const sum = parts.reduce((all, weight) => all + BigInt(weight), 0n);
        expect(shares.reduce((all, share) => all + BigInt(share), 0n)).toBe(BigInt(total));
        shares.forEach((share, position) => {
          const off = BigInt(share) * sum - BigInt(total) * BigInt(parts[position] ?? 0);
          expect(off < sum && -off < sum).toBe(true);
        });
      }),
    );
  });

  test('refuses weights that say nothing', () => {
    expect(() => splitByWeights(10, [])).toThrow(RangeError);
    expect(() => splitByWeights(10, [0, 0])).toThrow(RangeError);
    expect(() => splitByWeights(-10, [1])).toThrow(RangeError);
  });
});
