import { createRequire } from 'node:module';
import type { Bidi } from 'bidi-js';

const require = createRequire(import.meta.url);
/** Unicode's bidirectional algorithm (UAX #9). Required, for the types of this package mistake how it is imported. */
const bidi = (require('bidi-js') as () => Bidi)();

/** A piece of a line that is drawn at once, in the order of reading. */
export interface TextPiece {
  readonly text: string;
  readonly rightToLeft: boolean;
  /** Drawn with the Arabic font; everything else with the Latin one. */
  readonly arabic: boolean;
}

/** What reads from left to right inside an Arabic line and must stay together: a date, an amount with its currency. */
export const isolated = (text: string): string => `\u2066${text}\u2069`;

/**
 * The pieces of one line from left to right as they stand on paper. A run that reads from right to left comes word by word,
 * the last word first; inside a word the letters stay in the order in which they are read, for the font joins them.
 */
export function piecesOf(line: string, base: 'rtl' | 'ltr'): TextPiece[] {
  const levels = bidi.getEmbeddingLevels(line, base);
  const pieces: { text: string; rightToLeft: boolean; arabic: boolean }[] = [];
  for (const index of bidi.getReorderedIndices(line, levels)) {
    const read = line.charAt(index);
    if (CONTROLS.test(read)) continue;
    const rightToLeft = (levels.levels[index] ?? 0) % 2 === 1;
    const character = rightToLeft ? (bidi.getMirroredCharacter(read) ?? read) : read;
    const arabic = ARABIC_LETTER.test(character);
    const last = pieces.at(-1);
    // A space stands alone: several words in one piece would be set from left to right.
    const joins =
      character !== ' ' && last?.text !== ' ' && last?.rightToLeft === rightToLeft && last.arabic === arabic;
    if (!joins) pieces.push({ text: character, rightToLeft, arabic });
    else last.text = rightToLeft ? character + last.text : last.text + character;
  }
  return pieces;
}

/** Isolates and other marks of direction: they have done their work and are not drawn. */
const CONTROLS = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;
/** With the vowel signs, which belong to the letter before them. The font has these and no Latin punctuation. */
const ARABIC_LETTER = /[\p{Script=Arabic}\p{M}]/u;

/** Noto Naskh Arabic, SIL Open Font License. */
export const ARABIC_FONT = require.resolve(
  '@fontsource/noto-naskh-arabic/files/noto-naskh-arabic-arabic-400-normal.woff',
);
