import { formatMinor } from '@bridgework/kernel/money';
import canonicalize from 'canonicalize';
import { type ExportKind, periodOf } from './export.ts';

/** A row as `billing.compute_export` answers it. */
export type FigureRow = Readonly<Record<string, string | number>> & {
  readonly currency: string;
  readonly exponent: number;
};
export interface Figures {
  readonly rows: readonly FigureRow[];
  readonly late?: readonly FigureRow[];
}

export type Cell = string | number;
/** A table in the order of its columns: what every format shows. */
export interface ExportTable {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  /** Decimals of each row's currency. */
  readonly exponents: readonly number[];
}

export interface Column {
  readonly name: string;
  readonly ar: string;
  readonly type: 'day' | 'month' | 'text' | 'count' | 'minor' | 'amount';
}

export interface Content {
  readonly kind: ExportKind;
  readonly period: string;
  readonly table: ExportTable;
  /** Of a day: what was booked on it although it was captured before, by currency. */
  readonly late: readonly FigureRow[];
  /** RFC 8785 JSON without timestamps: the same figures are the same bytes for ever. */
  readonly text: string;
}

const minor = (name: string, ar: string): Column[] => [
  { name: `${name}_minor`, ar: `${ar} (بأصغر وحدة)`, type: 'minor' },
  { name, ar, type: 'amount' },
];
const currency: Column = { name: 'currency', ar: 'العملة', type: 'text' };

/** The columns of each kind: a contract with whoever reads the files. */
export const COLUMNS: Readonly<Record<ExportKind, readonly Column[]>> = {
  DAILY_COLLECTED_REVENUE: [
    { name: 'business_date', ar: 'يوم العمل', type: 'day' },
    currency,
    { name: 'method', ar: 'طريقة الدفع', type: 'text' },
    { name: 'payment_count', ar: 'عدد الدفعات', type: 'count' },
    ...minor('amount', 'المبلغ'),
  ],
  MONTHLY_PROFIT_SUMMARY: [
    { name: 'month', ar: 'الشهر', type: 'month' },
    currency,
    ...minor('collected', 'المحصَّل'),
    ...minor('expenses', 'المصروفات'),
    ...minor('profit', 'الربح'),
  ],
  DEFERRED_RECEIVABLES_AGING: [
    { name: 'as_of', ar: 'حتى تاريخ', type: 'day' },
    currency,
    { name: 'invoice_count', ar: 'عدد الفواتير', type: 'count' },
    ...minor('not_yet_due', 'لم يحن أجله'),
    ...minor('days_0_30', 'من 0 إلى 30 يومًا'),
    ...minor('days_31_60', 'من 31 إلى 60 يومًا'),
    ...minor('days_61_90', 'من 61 إلى 90 يومًا'),
    ...minor('days_over_90', 'أكثر من 90 يومًا'),
    ...minor('total', 'المجموع'),
  ],
};

/**
 * What an export says, of figures that the database computed.
 *
 * @throws RangeError for an amount beyond 2^53 - 1, which JSON's readers could not keep.
 */
export function makeContent(kind: ExportKind, day: string, figures: Figures): Content {
  const period = periodOf(kind, day);
  const columns = COLUMNS[kind];
  const rows = figures.rows.map((row) => columns.map((column) => cellOf(column, row, period)));
  const late = (figures.late ?? []).map((row) => ({ ...row, amount: amountOf(row, 'amount') }));
  const named = (cells: readonly Cell[]) => Object.fromEntries(columns.map(({ name }, at) => [name, cells[at]]));
  const text = canonicalize({
    kind,
    period,
    rows: rows.map(named),
    ...(figures.late === undefined ? {} : { late: late.map(({ exponent: _exponent, ...row }) => row) }),
  });
  if (text === undefined) throw new Error('The content of an export is JSON.');
  return {
    kind,
    period,
    table: { columns, rows, exponents: figures.rows.map(({ exponent }) => exponent) },
    late,
    text,
  };
}

function cellOf({ name, type }: Column, row: FigureRow, period: string): Cell {
  if (type === 'day' || type === 'month') return period;
  if (type === 'amount') return amountOf(row, name);
  const value = row[name];
  if (value === undefined) throw new Error(`The figures have no ${name}.`);
  if (type === 'text') return value;
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} is beyond 2^53 - 1`);
  return value;
}

const amountOf = (row: FigureRow, name: string): string => formatMinor(Number(row[`${name}_minor`]), row.exponent);
