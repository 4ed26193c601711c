import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ITEMS } from '../acceptance/specification/items.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/rules.md', root), 'utf8');
const ROW = /^\| (?<rule>[^|]+) \| `(?<file>[^`]+)` \| `(?<test>[^`]+)`: (?<title>.+) \|$/gm;
const rows = [...page.matchAll(ROW)].map(({ groups }) => ({ rule: '', file: '', test: '', title: '', ...groups }));

test('the page has rules', () => {
  const tableRows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (rule|event) \|/.test(line));
  expect(rows.length).toBeGreaterThan(35);
  expect(rows).toHaveLength(tableRows.length);
});

test.each(rows)('$rule: its file and its test exist', ({ file, test: testFile, title }) => {
  expect(existsSync(new URL(file, root)), file).toBe(true);
  expect(readFileSync(new URL(testFile, root), 'utf8')).toContain(title);
});

test('every entry of the specification has its rule, once', () => {
  const named = rows.flatMap(({ rule }) => [...rule.matchAll(/§([\d.]+)/g)].map(([, id]) => id));
  expect(named.toSorted()).toEqual(Object.keys(ITEMS).toSorted());
});

test('every reference from the code leads to a heading', () => {
  const tracked = execFileSync('git', ['ls-files', '*.ts', '*.sql', '*.graphql'], {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
  });
  const anchors = new Set(
    [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => (title ?? '').toLowerCase().replaceAll(' ', '-')),
  );
  const missing = tracked
    .trim()
    .split('\n')
    .filter((file) => existsSync(new URL(file, root)))
    .flatMap((file) => [...readFileSync(new URL(file, root), 'utf8').matchAll(/docs\/rules\.md#([a-z0-9-]+)/g)])
    .map(([, anchor]) => anchor ?? '')
    .filter((anchor) => !anchors.has(anchor));
  expect(missing).toEqual([]);
});
