/**
 * Card numbers have no business in a payment confirmation: they are refused, and neither stored nor logged. Digits of
 * other scripts count as digits, single spaces, dots and dashes between them do not separate.
 *
 * @see docs/rules.md#card-numbers
 */
export function holdsCardNumber(text: string, kind: 'free text' | 'identifier'): boolean {
  // Of random UUIDs one in some thousands has, without its dashes, a run of digits that could be a card's.
  if (kind === 'identifier' && UUID.test(text)) return false;
  return digitRuns(text).some(
    (digits) =>
      digits.length >= 13 &&
      digits.length <= 19 &&
      passesLuhn(digits) &&
      // One in ten random digit strings passes Luhn: a terminal's own numbers must also look like an issuer's.
      (kind === 'free text' || hasIssuerShape(digits)),
  );
}

/** In its usual form, with a letter: digits alone in groups of this length are nobody's UUID. */
const UUID = /^(?=.*[a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function digitRuns(text: string): string[] {
  const ascii = text.normalize('NFKC').replace(/\p{Nd}/gu, (digit) => String(digitValue(digit)));
  return (ascii.match(/\d(?:[ .\-\u00a0]?\d)*/gu) ?? []).map((run) => run.replace(/\D/gu, ''));
}

/** Unicode keeps the ten digits of a script together, the zero first. */
function digitValue(digit: string): number {
  const point = digit.codePointAt(0) ?? 0;
  let zero = point;
  while (point - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return point - zero;
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let position = 0; position < digits.length; position += 1) {
    const digit = Number(digits.charAt(digits.length - 1 - position));
    const doubled = position % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

interface Issuer {
  readonly prefix: RegExp;
  readonly lengths: readonly number[];
}

const ISSUERS: readonly Issuer[] = [
  { prefix: /^4/, lengths: [13, 16, 19] }, // Visa
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] }, // Mastercard
  { prefix: /^3[47]/, lengths: [15] }, // American Express
  { prefix: /^(?:6011|64[4-9]|65)/, lengths: [16, 17, 18, 19] }, // Discover
  { prefix: /^(?:30[0-5]|36|38|39)/, lengths: [14, 16, 19] }, // Diners Club
  { prefix: /^35(?:2[89]|[3-8])/, lengths: [16, 17, 18, 19] }, // JCB
  { prefix: /^62/, lengths: [16, 17, 18, 19] }, // UnionPay
  { prefix: /^(?:5018|5020|5038|5893|6304|6759|676[1-3])/, lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { prefix: /^(?:9682|5078|9792)/, lengths: [16, 19] }, // mada, Meeza, Troy beside the schemes above
];

const hasIssuerShape = (digits: string): boolean =>
  ISSUERS.some(({ prefix, lengths }) => lengths.includes(digits.length) && prefix.test(digits));
