import writeExcelFile, { type SheetData } from 'write-excel-file/node';
import type { Cell, Column, ExportTable } from './content.ts';

/** One sheet from right to left with Arabic headings; amounts are numbers, days are days. */
export function renderXlsx({ columns, rows, exponents }: ExportTable): Promise<Buffer> {
  const heading = columns.map(({ ar }) => ({ value: ar, fontWeight: 'bold' as const, align: 'right' as const }));
  const data: SheetData = [
    heading,
    ...rows.map((row, at) => row.map((cell, place) => cellOf(columns[place], cell, exponents[at] ?? 0))),
  ];
  const widths = columns.map(({ ar }) => ({ width: Math.max(14, ar.length + 2) }));
  return writeExcelFile(data, {
    sheet: 'تقرير',
    rightToLeft: true,
    columns: widths,
    stickyRowsCount: 1,
    orientation: 'landscape',
  }).toBuffer();
}

function cellOf(column: Column | undefined, cell: Cell, exponent: number) {
  switch (column?.type) {
    case 'day':
      return { value: new Date(`${cell}T00:00:00Z`), type: Date, format: 'yyyy-mm-dd' };
    case 'amount':
      return { value: Number(cell), type: Number, format: exponent === 0 ? '#,##0' : `#,##0.${'0'.repeat(exponent)}` };
    case 'count':
    case 'minor':
      return { value: Number(cell), type: Number, format: '0' };
    default:
      // Codes are Latin: left to themselves they would lean on the numbers of the next column.
      return { value: String(cell), type: String, align: 'right' as const };
  }
}
