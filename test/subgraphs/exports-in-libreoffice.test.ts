import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COLUMNS, type ExportTable, makeContent } from '../../subgraphs/billing/src/exports/content.ts';
import { renderCsv } from '../../subgraphs/billing/src/exports/render-csv.ts';
import { renderFiles } from '../../subgraphs/billing/src/exports/render-files.ts';
import { renderXlsx } from '../../subgraphs/billing/src/exports/render-xlsx.ts';
import { type OpenedSheet, openInLibreOffice, whyNoLibreOffice } from '../support/libreoffice.ts';

const sar = { currency: 'SAR', exponent: 2 };
const kwd = { currency: 'KWD', exponent: 3 };
const CONTENTS = [
  makeContent('DAILY_COLLECTED_REVENUE', '2026-03-31', {
    rows: [
      { ...kwd, method: 'CARD', payment_count: 1, amount_minor: 12_345 },
      { ...sar, method: 'CARD', payment_count: 3, amount_minor: 195_050 },
      { currency: 'JPY', exponent: 0, method: 'TRANSFER', payment_count: 1, amount_minor: 5_000 },
    ],
    late: [{ ...sar, payment_count: 1, amount_minor: 40_000 }],
  }),
  makeContent('MONTHLY_PROFIT_SUMMARY', '2026-03-01', {
    rows: [{ ...sar, collected_minor: 254_495, expenses_minor: 290_000, profit_minor: -35_505 }],
  }),
  makeContent('DEFERRED_RECEIVABLES_AGING', '2026-03-31', {
    rows: [
      {
        ...kwd,
        invoice_count: 2,
        not_yet_due_minor: 1,
        days_0_30_minor: 20,
        days_31_60_minor: 300,
        days_61_90_minor: 4_000,
        days_over_90_minor: 50_000,
        total_minor: 54_321,
      },
    ],
  }),
];
/** Text that asks to be computed, and Arabic beside commas and quotation marks. The exports hold numbers and codes; their writers take any text. */
const TEXTS = ['=1+1', '+966', '-1', '@SUM(A1)', '=HYPERLINK("http://127.0.0.1/","x")', 'نص، عربي "مقتبس"'];
const TYPED: ExportTable = {
  columns: [
    { name: 'note', ar: 'ملاحظة', type: 'text' },
    { name: 'profit', ar: 'الربح', type: 'amount' },
  ],
  rows: TEXTS.map((text) => [text, '-12.50']),
  exponents: TEXTS.map(() => 2),
};
/** Commas, quotation marks, UTF-8: what LibreOffice's dialog shows for a file with a byte order mark. */
const AS_CSV = 'CSV:44,34,76,1';

const missing = whyNoLibreOffice();
describe.skipIf(missing !== undefined)(`exports opened in LibreOffice ${missing ?? ''}`, () => {
  let folder: string;
  let opened: Readonly<Record<string, OpenedSheet>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bw-office-'));
    const made = await Promise.all(
      CONTENTS.map(async (content) => [content.kind, await renderFiles(content)] as const),
    );
    const csv = {
      ...Object.fromEntries(made.map(([kind, { CSV }]) => [`${kind}-c.csv`, CSV])),
      'TYPED-c.csv': renderCsv(TYPED),
    };
    const xlsx = Object.fromEntries(made.map(([kind, { XLSX }]) => [`${kind}-x.xlsx`, XLSX]));
    // What nobody guarded, to see that LibreOffice would compute it.
    const unguarded = { 'UNGUARDED-c.csv': Buffer.from('note,profit\r\n=1+1,-12.50\r\n') };
    opened = {
      ...(await openInLibreOffice(folder, { ...csv, ...unguarded }, AS_CSV)),
      ...(await openInLibreOffice(folder, { ...xlsx, 'TYPED-x.xlsx': await renderXlsx(TYPED) })),
    };
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const sheet = (name: string): OpenedSheet => opened[name] ?? { writingMode: undefined, rows: [] };

  test.each(CONTENTS)('$kind: figures are numbers and days are days, in CSV and XLSX alike', ({ kind, table }) => {
    for (const { rows } of [sheet(`${kind}-c.csv`), sheet(`${kind}-x.xlsx`)]) {
      expect(rows).toHaveLength(table.rows.length + 1);
      const read = rows
        .slice(1)
        .map((row) => row.map(({ type, value }) => [type, type === 'float' ? Number(value) : value]));
      const meant = table.rows.map((row) =>
        row.map((cell, at) => {
          const type = COLUMNS[kind][at]?.type ?? '';
          if (type === 'day') return ['date', cell];
          return type === 'text' || type === 'month' ? ['string', cell] : ['float', Number(cell)];
        }),
      );
      expect(read).toEqual(meant);
    }
  });

  test.each(CONTENTS)('$kind: its sheet begins on the right, under headings in Arabic', ({ kind }) => {
    const { writingMode, rows } = sheet(`${kind}-x.xlsx`);
    expect(writingMode).toBe('rl-tb');
    expect(rows[0]?.map(({ value }) => value)).toEqual(COLUMNS[kind].map(({ ar }) => ar));
    expect(sheet(`${kind}-c.csv`).rows[0]?.map(({ value }) => value)).toEqual(COLUMNS[kind].map(({ name }) => name));
  });

  test('text that asks to be computed stays text, and Arabic stays as it was', () => {
    const texts = (name: string) =>
      sheet(name)
        .rows.slice(1)
        .map(([cell]) => cell);
    expect(texts('TYPED-x.xlsx')).toEqual(TEXTS.map((value) => ({ type: 'string', value, formula: undefined })));
    const guarded = TEXTS.map((value) => (/^[=+\-@]/.test(value) ? `'${value}` : value));
    expect(texts('TYPED-c.csv')).toEqual(guarded.map((value) => ({ type: 'string', value, formula: undefined })));
    expect(texts('UNGUARDED-c.csv')).toEqual([{ type: 'float', value: '2', formula: 'of:=1+1' }]);
  });
});
