// Reads JSON as bytes. Each function answers where what it read ends, or -1 when something else stands there, or the same
// written in a way that is not met here: with escapes, exponents, blanks.

const [QUOTE, BACKSLASH, MINUS, POINT, ZERO, NINE, FIRST_PRINTABLE] = [0x22, 0x5c, 0x2d, 0x2e, 0x30, 0x39, 0x20];
const MAX_DIGITS = 15;
const MAX_DECIMALS = 6;

/** The very bytes of `known`. */
export function scanText(bytes: Uint8Array, at: number, known: Uint8Array): number {
  const { length } = known;
  for (let index = 0; index < length; index += 1) if (bytes[at + index] !== known[index]) return -1;
  return at + length;
}

export function scanString(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return -1;
  for (let end = at + 1; ; end += 1) {
    const byte = bytes[end];
    if (byte === QUOTE) return end + 1;
    if (byte === undefined || byte < FIRST_PRINTABLE || byte === BACKSLASH) return -1;
  }
}

/** One of several texts. */
export function scanOneOf(bytes: Uint8Array, at: number, known: readonly Uint8Array[]): number {
  for (const one of known) {
    const end = scanText(bytes, at, one);
    if (end >= 0) return end;
  }
  return -1;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

/** Digits without a leading zero, at most {@link MAX_DIGITS}. */
function scanDigits(bytes: Uint8Array, at: number): number {
  let end = at;
  while (isDigit(bytes[end])) end += 1;
  const length = end - at;
  return length === 0 || length > MAX_DIGITS || (length > 1 && bytes[at] === ZERO) ? -1 : end;
}

/** An integer of 32 bits. */
export function scanInt(bytes: Uint8Array, at: number): number {
  const isNegative = bytes[at] === MINUS;
  const begin = isNegative ? at + 1 : at;
  const end = scanDigits(bytes, begin);
  if (end < 0) return -1;
  let value = 0;
  for (let index = begin; index < end; index += 1) value = value * 10 + (bytes[index] ?? 0) - ZERO;
  if (isNegative && value === 0) return -1;
  return value <= (isNegative ? 0x80000000 : 0x7fffffff) ? end : -1;
}

/** A number as JavaScript writes it; smaller fractions it writes with an exponent. */
export function scanNumber(bytes: Uint8Array, at: number): number {
  const begin = bytes[at] === MINUS ? at + 1 : at;
  const end = scanDigits(bytes, begin);
  if (end < 0 || bytes[end] !== POINT) return isMinusZero(bytes, at, end) ? -1 : end;
  let last = end + 1;
  while (isDigit(bytes[last])) last += 1;
  const decimals = last - end - 1;
  const isPlain = decimals > 0 && decimals <= MAX_DECIMALS && last - begin <= MAX_DIGITS && bytes[last - 1] !== ZERO;
  return isPlain ? last : -1;
}

const isMinusZero = (bytes: Uint8Array, at: number, end: number): boolean =>
  bytes[at] === MINUS && bytes[at + 1] === ZERO && end === at + 2;
