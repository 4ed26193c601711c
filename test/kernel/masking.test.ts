import { maskName, maskPhone } from '@bridgework/kernel/masking';
import { describe, expect, test } from 'vitest';

describe('a masked name', () => {
  test.each([
    ['Sara Al-Harbi', 'Sara A'],
    ['Omar Khalid Nasser', 'Omar N'],
    ['سارة الحربي', 'سارة ا'],
    ['محمد بن أحمد', 'محمد أ'],
    ['  Layla \u00a0 Haddad ', 'Layla H'],
    ['Cher', 'Cher'],
    ['', ''],
  ])('of %j is %j', (name, masked) => {
    expect(maskName(name)).toBe(masked);
  });

  test('keeps a combining mark with its letter and splits no surrogate pair', () => {
    expect(maskName('نورة مُحمد')).toBe('نورة مُ');
    expect(maskName('Ana 👩‍👩‍👧x')).toBe('Ana 👩‍👩‍👧');
    expect(maskName('Ida E\u0301mile')).toBe('Ida É');
  });

  test('is cut where a reader would cut it, whatever two characters a family name begins with', () => {
    const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
    const range = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => String.fromCharCode(from + index));
    const units = [...range(0x20, 0x380), ...range(0x600, 0x700)].filter((unit) => !/[\s\p{Cf}]/u.test(unit));
    // Some of each range, marks among them.
    const seconds = units.filter((_, index) => index % 16 === 0);
    const wrong: string[] = [];
    for (const first of units) {
      for (const second of seconds) {
        const name = `${first}${second}`.normalize('NFC');
        const [letter] = graphemes.segment(name);
        if (maskName(`Ana ${name}`) !== `Ana ${letter?.segment}`) wrong.push(name);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('does not take an invisible mark of direction for a letter', () => {
    expect(maskName('سارة \u200fالحربي')).toBe('سارة ا');
  });
});

describe('a masked telephone number', () => {
  test('shows the last two digits and not the length', () => {
    expect(maskPhone('+966501234567')).toBe('••••••67');
    expect(maskPhone('+96599887742')).toBe('••••••42');
  });

  test('of hardly any digits shows none', () => {
    expect(maskPhone('+123')).toBe('••••••');
    expect(maskPhone(null)).toBeNull();
  });
});
