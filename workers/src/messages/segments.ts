/** GSM 7-bit default alphabet. @see 3GPP TS 23.038, 6.2.1 */
const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
/** Each takes an escape and itself. */
const EXTENDED = new Set('\f^{}\\[~]|€');

interface Encoding {
  readonly single: number;
  /** A part of several carries six bytes of header. */
  readonly part: number;
  readonly sizeOf: (character: string) => number;
}

const GSM_7: Encoding = { single: 160, part: 153, sizeOf: (character) => (EXTENDED.has(character) ? 2 : 1) };
const UCS_2: Encoding = { single: 70, part: 67, sizeOf: (character) => character.length };

/**
 * How many short messages a text becomes, which is what providers charge by: 160 characters of the GSM alphabet in one
 * and 153 in each of several, or 70 and 67 when a single character, an Arabic one for example, is outside of it. No
 * character is cut in two, so a part may end early.
 */
export function countSegments(text: string): number {
  const characters = [...text];
  const isGsm = characters.every((character) => BASIC.has(character) || EXTENDED.has(character));
  const { single, part, sizeOf } = isGsm ? GSM_7 : UCS_2;
  const sizes = characters.map(sizeOf);
  if (sizes.reduce((sum, size) => sum + size, 0) <= single) return 1;
  let parts = 1;
  let filled = 0;
  for (const size of sizes) {
    if (filled + size > part) {
      parts += 1;
      filled = 0;
    }
    filled += size;
  }
  return parts;
}
