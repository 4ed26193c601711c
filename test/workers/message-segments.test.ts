import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countSegments } from '../../workers/src/messages/segments.ts';

describe('a text is charged as', () => {
  test.each([
    ['ن', 70, 1],
    ['ن', 71, 2],
    ['ن', 134, 2],
    ['ن', 135, 3],
    ['a', 160, 1],
    ['a', 161, 2],
    ['a', 306, 2],
    ['a', 307, 3],
    // An escape and itself.
    ['€', 80, 1],
    ['€', 81, 2],
    ['😀', 35, 1],
    ['😀', 36, 2],
  ])('%s, %i times: %#', (character, count, segments) => {
    expect(countSegments(character.repeat(count))).toBe(segments);
  });

  test('a character of two units is not cut in two: a part ends early instead', () => {
    // 67 units end in the middle of the 34th; 33 of them fill a part.
    expect(countSegments('😀'.repeat(66))).toBe(2);
    expect(countSegments('😀'.repeat(67))).toBe(3);
    expect(countSegments(`${'a'.repeat(152)}€${'a'.repeat(151)}`)).toBe(2);
    expect(countSegments(`${'a'.repeat(152)}€${'a'.repeat(152)}`)).toBe(3);
  });

  test('a single character outside of the GSM alphabet makes all of it wide', () => {
    expect(countSegments(`${'a'.repeat(70)}`)).toBe(1);
    expect(countSegments(`${'a'.repeat(70)}ن`)).toBe(2);
  });

  test('as many parts as hold it, never fewer, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        const segments = countSegments(text);
        expect(segments).toBeGreaterThanOrEqual(1);
        expect(segments * 160).toBeGreaterThanOrEqual([...text].length);
        expect(segments).toBeLessThanOrEqual(Math.max(1, Math.ceil(text.length / 66)));
      }),
    );
  });
});
