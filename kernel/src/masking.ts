const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/**
 * What a partner without read:patients:identified sees of a name: the given name and the first letter, as a reader
 * counts letters, of the family name. `Sara Al-Harbi` → `Sara A`, `سارة الحربي` → `سارة ا`. Marks that combine with the
 * letter stay with it, in every script.
 */
export function maskName(fullName: string): string {
  const words = fullName
    .normalize('NFC')
    // Marks of direction and width would make an invisible "first letter".
    .replace(INVISIBLE, '')
    .split(/\s+/u)
    .filter((word) => word !== '');
  const [given = '', ...others] = words;
  const family = others.at(-1);
  return family === undefined ? given : `${given} ${firstGrapheme(family)}`;
}

/** The last two digits of a telephone number behind a mask of fixed length, so that its length does not show. */
export function maskPhone(phone: string | null): string | null {
  if (phone === null) return null;
  const digits = phone.replace(/\D/g, '');
  return digits.length < MIN_DIGITS ? MASK : `${MASK}${digits.slice(-2)}`;
}

/** Of fewer digits the last two would be most of the number. */
const MIN_DIGITS = 6;
const MASK = '••••••';
/** Bidirectional controls, zero-width space, word joiner, byte order mark; not the joiners, which shape letters. */
const INVISIBLE = /[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/gu;

/** Letters of which no two ever make one, neither by a mark nor by joining: nearly all names begin with two of them. */
const standsAlone = (unit: number): boolean =>
  (unit >= 0x20 && unit < 0x300) || (unit >= 0x621 && unit <= 0x64a) || Number.isNaN(unit);

function firstGrapheme(text: string): string {
  // Asking the segmenter costs more than all the rest of a masked name.
  if (standsAlone(text.charCodeAt(0)) && standsAlone(text.charCodeAt(1))) return text.charAt(0);
  for (const { segment } of graphemes.segment(text)) return segment;
  return '';
}
