import { randomBytes } from 'node:crypto';
import {
  generateIntegrationToken,
  hashIntegrationToken,
  matchesTokenHash,
  parseIntegrationToken,
  readTokenPeppers,
} from '@bridgework/kernel/integration-token';
import { describe, expect, test } from 'vitest';

const pepper = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

describe('an integration token', () => {
  test('has the shape secret scanners look for and names its environment', () => {
    expect(generateIntegrationToken('production').text).toMatch(/^dci_live_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$/);
    expect(generateIntegrationToken('sandbox').text).toMatch(/^dci_test_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$/);
  });

  test('is read back with its environment and public id', () => {
    for (const environment of ['production', 'sandbox'] as const) {
      const token = generateIntegrationToken(environment);
      expect(parseIntegrationToken(token.text)).toEqual(token);
    }
  });

  test('is refused without a look-up when any one character is mistyped', () => {
    const { text } = generateIntegrationToken('sandbox');
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'x' ? 'y' : 'x';
      expect(parseIntegrationToken(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
    }
  });

  test('cannot be moved to the other environment by changing its prefix', () => {
    const { text } = generateIntegrationToken('sandbox');
    expect(parseIntegrationToken(text.replace('dci_test_', 'dci_live_'))).toBeUndefined();
  });

  test('is refused with anything before or after it', () => {
    const { text } = generateIntegrationToken('sandbox');
    for (const wrong of [` ${text}`, `${text} `, `${text}\n`, `x${text}`, `${text}0`, '', 'dci_test_']) {
      expect(parseIntegrationToken(wrong)).toBeUndefined();
    }
  });

  test('carries the CRC-32 that other tools compute', () => {
    // zlib.crc32(b"dci_test_0123456789_" + b"A" * 32) = 4270381975, in base62 digits 0-9A-Za-z
    const text = `dci_test_0123456789_${'A'.repeat(32)}`;
    const check = parseIntegrationToken(`${text}4f05Qd`);
    expect(check?.publicId).toBe('0123456789');
  });
});

describe('the stored hash of a token', () => {
  test('matches its token and no other', () => {
    const peppers = readTokenPeppers(pepper('p1'));
    const [token, other] = [generateIntegrationToken('sandbox'), generateIntegrationToken('sandbox')];
    const stored = hashIntegrationToken(token.text, peppers);
    expect(stored.secretHash).toMatch(/^[0-9a-f]{64}$/);
    expect(stored.secretHash).not.toContain(token.text);
    expect(matchesTokenHash(token.text, stored, peppers)).toBe(true);
    expect(matchesTokenHash(other.text, stored, peppers)).toBe(false);
    expect(matchesTokenHash(token.text, { ...stored, secretHash: '' }, peppers)).toBe(false);
  });

  test('is worth nothing under another pepper', () => {
    const token = generateIntegrationToken('sandbox');
    const stored = hashIntegrationToken(token.text, readTokenPeppers(pepper('p1')));
    expect(matchesTokenHash(token.text, stored, readTokenPeppers(pepper('p1')))).toBe(false);
    expect(matchesTokenHash(token.text, stored, readTokenPeppers(pepper('p2')))).toBe(false);
  });

  test('stays good while its pepper is being rotated out', () => {
    const token = generateIntegrationToken('sandbox');
    const old = pepper('p1');
    const stored = hashIntegrationToken(token.text, readTokenPeppers(old));
    const rotated = readTokenPeppers(`${pepper('p2')},${old}`);
    expect(matchesTokenHash(token.text, stored, rotated)).toBe(true);
    expect(hashIntegrationToken(token.text, rotated).pepperId).toBe('p2');
  });

  test('refuses a pepper that is malformed or too short to be one', () => {
    for (const wrong of ['', 'p1', 'p1:', ':AAAA', `p1:${randomBytes(31).toString('base64')}`]) {
      expect(() => readTokenPeppers(wrong)).toThrow('pepper');
    }
  });
});
