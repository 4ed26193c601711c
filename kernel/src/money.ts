/** An amount in minor units of one ISO 4217 currency. Amounts of different currencies are never added. */
export interface Money {
  readonly amountMinor: number;
  readonly currency: string;
}

/**
 * Decimal text of an amount, `1234.500`. Digits and point are ASCII in every locale: exports and machines read it.
 *
 * @param exponent decimals of the currency as `billing.currencies` has them; never taken from Intl, whose CLDR data
 *   gives IQD no decimals where ISO 4217 gives it three.
 * @throws RangeError when the amount is no safe integer or the exponent is not within 0..4.
 */
export function formatMinor(amountMinor: number, exponent: number): string {
  assertSafe(amountMinor);
  if (!Number.isInteger(exponent) || exponent < 0 || exponent > 4) throw new RangeError(`exponent ${exponent}`);
  const sign = amountMinor < 0 ? '-' : '';
  const digits = String(Math.abs(amountMinor)).padStart(exponent + 1, '0');
  const point = digits.length - exponent;
  return exponent === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Splits an amount by weights without losing a minor unit (largest remainder; on a tie the earlier part is larger):
 * 100000 by [1, 1, 1] is [33334, 33333, 33333].
 *
 * @throws RangeError when the amount or a weight is negative or no safe integer, or when the weights sum to zero.
 */
export function splitByWeights(totalMinor: number, weights: readonly number[]): number[] {
  for (const number of [totalMinor, ...weights]) {
    assertSafe(number);
    if (number < 0) throw new RangeError(`${number} is negative`);
  }
  const sum = weights.reduce((total, weight) => total + BigInt(weight), 0n);
  if (sum === 0n) throw new RangeError('the weights sum to zero');
  // BigInt: amount × weight may exceed 2^53 although both are safe.
  const shares = weights.map((weight, position) => {
    const product = BigInt(totalMinor) * BigInt(weight);
    return { position, whole: product / sum, remainder: product % sum };
  });
  const left = BigInt(totalMinor) - shares.reduce((total, { whole }) => total + whole, 0n);
  const luckiest = [...shares].sort((a, b) =>
    a.remainder === b.remainder ? a.position - b.position : a.remainder > b.remainder ? -1 : 1,
  );
  const larger = new Set(luckiest.slice(0, Number(left)).map(({ position }) => position));
  return shares.map(({ position, whole }) => Number(whole) + (larger.has(position) ? 1 : 0));
}

function assertSafe(number: number): void {
  if (!Number.isSafeInteger(number)) throw new RangeError(`${number} is not a safe integer`);
}
