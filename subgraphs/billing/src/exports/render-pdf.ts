import { createHash } from 'node:crypto';
import { formatMinor } from '@bridgework/kernel/money';
import { isolated } from './bidi-text.ts';
import type { Column, Content } from './content.ts';
import type { ExportKind } from './export.ts';
import { openPdf, type PdfPage } from './pdf-page.ts';

const TITLES: Readonly<Record<ExportKind, { readonly ar: string; readonly en: string }>> = {
  DAILY_COLLECTED_REVENUE: { ar: 'الإيراد اليومي المحصَّل', en: 'Daily collected revenue' },
  MONTHLY_PROFIT_SUMMARY: { ar: 'ملخص الربح الشهري على أساس نقدي', en: 'Monthly profit summary (cash)' },
  DEFERRED_RECEIVABLES_AGING: { ar: 'أعمار الذمم المؤجلة', en: 'Deferred receivables aging' },
};
const METHODS: Readonly<Record<string, string>> = { CASH: 'نقدًا', CARD: 'بطاقة', TRANSFER: 'تحويل' };

const ROW = 20;
const BAR = 16;
const DARK = '#1f5f5b';
const RED = '#b3413a';

/** A page for people, from right to left: the table, and bars per currency. Amounts of two currencies share no scale. */
export async function renderPdf(content: Content): Promise<Buffer> {
  const title = TITLES[content.kind];
  const page = openPdf(`${title.en} ${content.period}`);
  const whole = { x: page.left, width: page.width };
  page.text(title.ar, { ...whole, y: 52, align: 'right', size: 20, color: DARK });
  page.text(title.en, { ...whole, y: 56, align: 'left', size: 11 });
  page.text(`الفترة ${isolated(content.period)}`, { ...whole, y: 84, align: 'right', size: 12 });
  page.text(content.period, { ...whole, y: 84, align: 'left', size: 11 });
  let y = drawTable(page, content, 112);
  y = drawLate(page, content, y);
  drawChart(page, content, y + 16);
  const hash = createHash('sha256').update(content.text, 'utf8').digest('hex');
  page.text(`SHA-256 ${hash}`, { ...whole, y: page.bottom - 12, align: 'left', size: 7, color: '#666666' });
  return page.finish();
}

/** The minor units are for machines; the period stands above. */
const shownOf = (columns: readonly Column[]) =>
  columns.flatMap((column, at) => (/^(minor|day|month)$/.test(column.type) ? [] : [{ ...column, at }]));

function drawTable(page: PdfPage, { table }: Content, top: number): number {
  const shown = shownOf(table.columns);
  const width = page.width / shown.length;
  // The first column stands on the right.
  const xOf = (place: number) => page.left + page.width - (place + 1) * width;
  const head = (y: number) => {
    shown.forEach(({ ar }, place) => {
      page.text(ar, { x: xOf(place), y, width, align: 'center', size: shown.length > 6 ? 9 : 11, color: DARK });
    });
    page.rule(y + ROW - 4);
    return y + ROW;
  };
  let y = head(top);
  if (table.rows.length === 0) {
    page.text('لا توجد حركات في هذه الفترة', { x: page.left, width: page.width, y, align: 'center', size: 12 });
    return y + ROW;
  }
  for (const row of table.rows) {
    if (y > page.bottom - 2 * ROW) {
      page.breakPage();
      y = head(page.left);
    }
    shown.forEach(({ at, name }, place) => {
      const cell = String(row[at]);
      page.text(name === 'method' ? (METHODS[cell] ?? cell) : cell, { x: xOf(place), y, width, align: 'center' });
    });
    y += ROW;
  }
  page.rule(y - 4);
  return y;
}

function drawLate(page: PdfPage, { late }: Content, top: number): number {
  let y = top + 4;
  for (const row of late) {
    const amount = formatMinor(Number(row.amount_minor), row.exponent);
    page.text(`منها قُيِّد متأخرًا: ${isolated(`${amount} ${row.currency}`)} (${row.payment_count})`, {
      x: page.left,
      width: page.width,
      y,
      align: 'right',
    });
    y += ROW;
  }
  return y;
}

interface Bar {
  readonly currency: string;
  readonly label: string;
  readonly amount: string;
  readonly minor: number;
}

function barsOf({ table }: Content): Bar[] {
  const place = (name: string) => table.columns.findIndex((column) => column.name === name);
  const method = place('method');
  return table.rows.flatMap((row) =>
    table.columns.flatMap((column, at) => {
      if (column.type !== 'amount' || column.name === 'total') return [];
      const label = method === -1 ? column.ar : (METHODS[String(row[method])] ?? String(row[method]));
      return [{ currency: String(row[place('currency')]), label, amount: String(row[at]), minor: Number(row[at - 1]) }];
    }),
  );
}

function drawChart(page: PdfPage, content: Content, top: number): void {
  const bars = barsOf(content);
  const longest = page.width - 230;
  let y = top;
  for (const currency of new Set(bars.map((bar) => bar.currency))) {
    const own = bars.filter((bar) => bar.currency === currency);
    const scale = Math.max(1, ...own.map(({ minor }) => Math.abs(minor)));
    if (y > page.bottom - (own.length + 2) * BAR - 20) {
      page.breakPage();
      y = page.left;
    }
    page.text(currency, { x: page.left, width: page.width, y, align: 'right', size: 11, color: DARK });
    y += BAR + 2;
    for (const { label, amount, minor } of own) {
      const length = (Math.abs(minor) / scale) * longest;
      page.text(label, { x: page.left + page.width - 120, width: 120, y, align: 'right' });
      page.bar(page.left + page.width - 130 - length, y, length, BAR - 5, minor < 0 ? RED : DARK);
      page.text(amount, { x: page.left, width: page.width - 136 - length, y, align: 'right', size: 9 });
      y += BAR;
    }
    y += 8;
  }
}
