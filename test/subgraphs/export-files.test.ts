import { inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { isolated, piecesOf } from '../../subgraphs/billing/src/exports/bidi-text.ts';
import { COLUMNS, makeContent } from '../../subgraphs/billing/src/exports/content.ts';
import { renderCsv } from '../../subgraphs/billing/src/exports/render-csv.ts';
import { renderFiles } from '../../subgraphs/billing/src/exports/render-files.ts';

const content = makeContent('DAILY_COLLECTED_REVENUE', '2026-03-31', {
  rows: [
    { currency: 'KWD', exponent: 3, method: 'CARD', payment_count: 1, amount_minor: 12_345 },
    { currency: 'SAR', exponent: 2, method: 'CASH', payment_count: 2, amount_minor: 1_500_050 },
  ],
  late: [],
});

/** A file of a ZIP archive, by its central directory. */
function unzip(archive: Buffer, name: string): string {
  for (let at = archive.indexOf('PK\u0001\u0002'); at !== -1; at = archive.indexOf('PK\u0001\u0002', at + 4)) {
    const nameLength = archive.readUInt16LE(at + 28);
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) !== name) continue;
    const local = archive.readUInt32LE(at + 42);
    const begin = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const packed = archive.subarray(begin, begin + archive.readUInt32LE(at + 20));
    return (archive.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed)).toString('utf8');
  }
  throw new Error(`There is no ${name}.`);
}

test('CSV has a byte order mark, CRLF, decimal points and ISO days', async () => {
  const { CSV } = await renderFiles(content);
  expect([...CSV.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  expect(CSV.subarray(3).toString('utf8')).toBe(
    'business_date,currency,method,payment_count,amount_minor,amount\r\n' +
      '2026-03-31,KWD,CARD,1,12345,12.345\r\n2026-03-31,SAR,CASH,2,1500050,15000.50\r\n',
  );
});

test('text that a spreadsheet would take for a formula is quoted, numbers are not', () => {
  const table = {
    columns: [
      { name: 'note', ar: 'ملاحظة', type: 'text' as const },
      { name: 'profit', ar: 'الربح', type: 'amount' as const },
    ],
    rows: ['=1+1', '+966', '-x', '@SUM(A1)', '\t=1', '＝1', 'نص، عربي "مقتبس"'].map((text) => [text, '-12.50']),
    exponents: [],
  };
  const lines = renderCsv(table).toString('utf8').slice(1).split('\r\n');
  expect(lines.slice(1, 8)).toEqual([
    "'=1+1,-12.50",
    "'+966,-12.50",
    "'-x,-12.50",
    "'@SUM(A1),-12.50",
    "'\t=1,-12.50",
    "'＝1,-12.50",
    '"نص، عربي ""مقتبس""",-12.50',
  ]);
});

test('XLSX is read from right to left, its amounts are numbers and its days are days', async () => {
  const { XLSX } = await renderFiles(content);
  const sheet = unzip(XLSX, 'xl/worksheets/sheet1.xml');
  expect(sheet).toMatch(/<sheetView[^>]* rightToLeft="1"/);
  const cells = Object.fromEntries(
    [...sheet.matchAll(/<c r="([A-Z]+\d+)"(?: s="\d+")?(?: t="(\w+)")?><v>([^<]*)<\/v>/g)].map(
      ([, at, type, value]) => [at, [type ?? 'n', value]],
    ),
  );
  expect(cells.F2).toEqual(['n', '12.345']);
  expect(cells.F3).toEqual(['n', '15000.5']);
  expect(cells.E3).toEqual(['n', '1500050']);
  // Excel counts days from 1900: 2026-03-31.
  expect(cells.A2).toEqual(['n', '46112']);
  expect(unzip(XLSX, 'xl/styles.xml')).toContain('#,##0.000');
  expect(unzip(XLSX, 'xl/sharedStrings.xml')).toContain('طريقة الدفع');
});

test('every Arabic heading begins with an Arabic letter: by its first letter a spreadsheet decides from where it is read', () => {
  for (const { name, ar } of Object.values(COLUMNS).flat()) expect(ar, name).toMatch(/^\p{Script=Arabic}/u);
});

test('JSON is canonical, so that its digest can be computed again', async () => {
  const { JSON: file } = await renderFiles(content);
  expect(file.toString('utf8')).toBe(content.text);
  expect(content.text).toBe(
    '{"kind":"DAILY_COLLECTED_REVENUE","late":[],"period":"2026-03-31","rows":[{"amount":"12.345","amount_minor":12345,' +
      '"business_date":"2026-03-31","currency":"KWD","method":"CARD","payment_count":1},{"amount":"15000.50",' +
      '"amount_minor":1500050,"business_date":"2026-03-31","currency":"SAR","method":"CASH","payment_count":2}]}',
  );
});

test('an amount that JSON could not keep makes no export', () => {
  const rows = [{ currency: 'SAR', exponent: 2, method: 'CASH', payment_count: 1, amount_minor: 2 ** 53 }];
  expect(() => makeContent('DAILY_COLLECTED_REVENUE', '2026-03-31', { rows })).toThrow(RangeError);
});

test('a line of Arabic stands on paper word by word from right to left, its dates and amounts whole', () => {
  const drawn = (line: string) => piecesOf(line, 'rtl').map(({ text }) => text);
  expect(drawn('الإيراد اليومي')).toEqual(['اليومي', ' ', 'الإيراد']);
  expect(drawn(`الفترة ${isolated('2026-03-31')}`)).toEqual(['2026-03-31', ' ', 'الفترة']);
  expect(drawn(`منها: ${isolated('400.00 SAR')} (1)`)).toEqual([
    '(',
    '1',
    ')',
    ' ',
    '400.00',
    ' ',
    'SAR',
    ' ',
    ':',
    'منها',
  ]);
  expect(piecesOf('Daily revenue', 'ltr').map(({ text }) => text)).toEqual(['Daily', ' ', 'revenue']);
});

test('the PDF embeds its Arabic font', async () => {
  const { PDF } = await renderFiles(content);
  expect(PDF.subarray(0, 5).toString()).toBe('%PDF-');
  expect(PDF.toString('latin1')).toMatch(/NotoNaskhArabic/);
});
