import { stringify } from 'csv-stringify/sync';
import type { ExportTable } from './content.ts';

/**
 * RFC 4180 with CRLF, decimal points and ISO dates. The byte order mark tells Excel that it is UTF-8; text that a
 * spreadsheet would take for a formula is quoted by an apostrophe. Numbers are left alone: a negative one is no formula.
 */
export function renderCsv({ columns, rows }: ExportTable): Buffer {
  const text = stringify(
    rows.map((row) => row.map((cell, at) => (columns[at]?.type === 'text' ? guarded(String(cell)) : String(cell)))),
    { header: true, columns: columns.map(({ name }) => name), record_delimiter: '\r\n', bom: true },
  );
  return Buffer.from(text, 'utf8');
}

const guarded = (text: string): string => (/^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) ? `'${text}` : text);
