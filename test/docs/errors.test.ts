import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, type ErrorCode, slugOf } from '@bridgework/kernel/errors';
import { expect, test } from 'vitest';
import { PROBLEM_GUIDES } from '../../gateway/src/rest/problem-guide.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8');
const rows = new Map(
  [...page.matchAll(/^\| `([A-Z_]+)` \| `([a-z-]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$/gm)].map(
    ([, code, slug, status, meaning, remedy]) => [code, { slug, status: Number(status), meaning, remedy }],
  ),
);

test.each(Object.keys(ERRORS) as ErrorCode[])('docs/errors.md tells of %s what the code does', (code) => {
  expect(rows.get(code)).toEqual({ slug: slugOf(code), status: ERRORS[code].status, ...PROBLEM_GUIDES[code] });
});

test('docs/errors.md tells of no error that there is not', () => {
  expect([...rows.keys()].filter((code) => code === undefined || !Object.hasOwn(ERRORS, code))).toEqual([]);
});
