import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { generateIntegrationToken, parseIntegrationToken } from '@bridgework/kernel/integration-token';
import { describe, expect, test } from 'vitest';

const folder = new URL('../../docs/secret-scanning/', import.meta.url);
const gitleaks = readFileSync(new URL('gitleaks.toml', folder), 'utf8');
const published = JSON.parse(readFileSync(new URL('patterns.json', folder), 'utf8')) as {
  patterns: { environment: 'production' | 'sandbox'; prefix: string; regex: string }[];
  checksum: { alphabet: string };
};
const [, rule = ''] = /^regex = '''(.+)'''$/m.exec(gitleaks) ?? [];
const keywords = [...(/^keywords = \[(.+)\]$/m.exec(gitleaks)?.[1]?.matchAll(/"([^"]+)"/g) ?? [])].map(
  ([, one]) => one ?? '',
);

const PLACES = [
  (token: string) => `Authorization: Bearer ${token}`,
  (token: string) => `{"token":"${token}"}`,
  (token: string) => `BRIDGEWORK_TOKEN=${token}`,
  (token: string) => `token: ${token}\n`,
  (token: string) => `https://clinic.example/graphql?token=${token}&x=1`,
  (token: string) => `const token = '${token}';`,
  (token: string) => `leaked_${token}`,
];
const issue = (environment: 'production' | 'sandbox') => generateIntegrationToken(environment).text;

describe('the published patterns', () => {
  test('find every token the generator makes, wherever it was pasted, and nothing more of the text', () => {
    for (let round = 0; round < 300; round += 1) {
      for (const { environment, prefix, regex } of published.patterns) {
        const token = issue(environment);
        expect(token.startsWith(prefix)).toBe(true);
        for (const place of PLACES) {
          expect(new RegExp(regex).exec(place(token))?.[0]).toBe(token);
          expect(new RegExp(rule).exec(place(token))?.[0]).toBe(token);
          expect(keywords.some((keyword) => place(token).includes(keyword))).toBe(true);
        }
      }
    }
  });

  test('tell the environments apart, and take neither a part of a token nor something longer', () => {
    const [live, sandbox] = published.patterns.map(({ regex }) => new RegExp(regex));
    const token = issue('production');
    expect([live?.test(token), sandbox?.test(token)]).toEqual([true, false]);
    for (const wrong of [
      token.slice(0, -1),
      `${token}0`,
      token.replace('dci_', 'dcx_'),
      token.replace(/_([^_]+)$/, '-$1'),
    ]) {
      expect([wrong, live?.test(wrong), new RegExp(rule).test(wrong)]).toEqual([wrong, false, false]);
    }
  });

  test('need nothing that RE2 lacks', () => {
    for (const regex of [rule, ...published.patterns.map((one) => one.regex)]) {
      expect(regex).not.toMatch(/\(\?[=!<]|\\[1-9]/);
    }
  });

  test('come with a checksum that others can compute: it accepts what we issue and refuses look-alikes', () => {
    const { alphabet } = published.checksum;
    const check = (text: string): string => {
      let value = crc32(text);
      let digits = '';
      for (let at = 0; at < 6; at += 1) {
        digits = alphabet.charAt(value % 62) + digits;
        value = Math.floor(value / 62);
      }
      return digits;
    };
    for (let round = 0; round < 200; round += 1) {
      const token = issue('sandbox');
      expect(check(token.slice(0, -6))).toBe(token.slice(-6));
      const alike = `dci_test_0123456789_${token.slice(-38)}`;
      expect([new RegExp(rule).test(alike), check(alike.slice(0, -6)) === alike.slice(-6)]).toEqual([true, false]);
      expect(parseIntegrationToken(alike)).toBeUndefined();
    }
  });
});
