import { DomainError } from '@bridgework/kernel/errors';

export const EXPORT_KINDS = [
  'DAILY_COLLECTED_REVENUE',
  'MONTHLY_PROFIT_SUMMARY',
  'DEFERRED_RECEIVABLES_AGING',
] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];

export const EXPORT_FORMATS = ['CSV', 'XLSX', 'JSON', 'PDF'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** An export as the graph shows it. */
export interface ReportExport {
  readonly id: string;
  readonly kind: ExportKind;
  /** `YYYY-MM-DD`, of a month `YYYY-MM`. */
  readonly period: string;
  readonly sha256: string;
  readonly previousSha256: string;
  readonly position: number;
  readonly generatedAt: Date;
  readonly generatedBy: string;
  readonly formats: readonly ExportFormat[];
}

const FORMS: Readonly<Record<ExportKind, { readonly form: RegExp; readonly detail: string }>> = {
  DAILY_COLLECTED_REVENUE: { form: /^\d{4}-\d\d-\d\d$/, detail: 'Give a day, for example 2026-03-31.' },
  DEFERRED_RECEIVABLES_AGING: { form: /^\d{4}-\d\d-\d\d$/, detail: 'Give a day, for example 2026-03-31.' },
  MONTHLY_PROFIT_SUMMARY: { form: /^\d{4}-\d\d$/, detail: 'Give a month, for example 2026-03.' },
};

/**
 * The day under which the database knows a period: of a month its first.
 *
 * @throws DomainError VALIDATION_FAILED for what is no day, or no month, of the calendar.
 */
export function dayOf(kind: ExportKind, period: string): string {
  const { form, detail } = FORMS[kind];
  const day = kind === 'MONTHLY_PROFIT_SUMMARY' ? `${period}-01` : period;
  const at = new Date(`${day}T00:00:00Z`);
  const isDay = !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day) && at.getUTCFullYear() >= 1900;
  if (form.test(period) && isDay) return day;
  throw new DomainError('VALIDATION_FAILED', { errors: [{ pointer: '/period', code: 'bad-period', detail }] });
}

export const periodOf = (kind: ExportKind, day: string): string =>
  kind === 'MONTHLY_PROFIT_SUMMARY' ? day.slice(0, 7) : day;
