import type { Context } from '@bridgework/kernel/context';
import { clinicDate } from '@bridgework/kernel/upkeep';
import { type SQL, sql } from 'drizzle-orm';
import { appointments, visits } from '../tables.ts';
import { closedPeriods, type ReportRange, rangeOf } from './report-range.ts';
import { type Cell, suppress } from './suppress.ts';

export const REPORT_KINDS = ['DAILY_APPOINTMENTS', 'VISIT_VOLUME', 'NO_SHOW_RATE'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

export interface ReportCell {
  /** First day of the week or month; null for a total. */
  readonly period: string | null;
  readonly suppressed: boolean;
  /** Null when it is suppressed. */
  readonly count: number | null;
  /** Between 0 and 1, of the no-show rate alone. */
  readonly rate: number | null;
}

export interface ActivityReport {
  readonly kind: ReportKind;
  readonly from: string;
  readonly to: string;
  readonly unit: 'WEEK' | 'MONTH';
  /** One per provider, in the order of their ids; the last, without one, is of all. */
  readonly rows: readonly { readonly providerId: string | null; readonly cells: readonly ReportCell[] }[];
}

/** What is counted, and when it was. A cancelled appointment took place for nobody. */
const SOURCES: Readonly<Record<ReportKind, { readonly rows: SQL; readonly marked: SQL }>> = {
  DAILY_APPOINTMENTS: {
    rows: sql`select ${appointments.providerId} as provider_id, ${appointments.patientId} as patient_id,
      ${appointments.startsAt} as at, false as marked from ${appointments} where ${appointments.status} <> 'CANCELLED'`,
    marked: sql`0`,
  },
  VISIT_VOLUME: {
    rows: sql`select ${visits.providerId} as provider_id, ${visits.patientId} as patient_id, ${visits.startedAt} as at,
      false as marked from ${visits} where ${visits.status} = 'COMPLETED'`,
    marked: sql`0`,
  },
  NO_SHOW_RATE: {
    rows: sql`select ${appointments.providerId} as provider_id, ${appointments.patientId} as patient_id,
      ${appointments.startsAt} as at, ${appointments.status} = 'NO_SHOW' as marked
      from ${appointments} where ${appointments.status} in ('COMPLETED', 'NO_SHOW')`,
    marked: sql`count(*) filter (where marked)`,
  },
};

type Counted = {
  readonly provider_id: string | null;
  readonly period: string | null;
  readonly count: number;
  readonly marked: number;
  readonly patients: number;
};

/**
 * How much the clinic did, by provider and by whole week or month, of what the calendar now says (live data). What could
 * lead to single patients is hidden.
 *
 * @throws DomainError VALIDATION_FAILED for parts of weeks or months, and for what is not over.
 * @see docs/rules.md#aggregated-reports
 */
export async function activityReport(
  ctx: Context,
  kind: ReportKind,
  from: string,
  to: string,
): Promise<ActivityReport> {
  const today = (await clinicDate(ctx.db, ctx.now())) ?? ctx.now().toISOString().slice(0, 10);
  const range = rangeOf(from, to, today);
  const { unit } = range;
  const { rows, marked } = SOURCES[kind];
  // Groups of all sizes at once: a patient of two weeks is one patient of their total.
  const counted = await ctx.db.execute<Counted>(sql`
    select provider_id, to_char(period, 'YYYY-MM-DD') as period, count(*)::int as count, ${marked}::int as marked,
      count(distinct patient_id)::int as patients
    from (select provider_id, patient_id, marked, date_trunc(${unit}::text, base.local_date(at))::date as period
      from (${rows}) as happened
      where base.local_date(at) between ${from}::date and ${to}::date) as placed
    group by cube (provider_id, period)`);
  const providers = [...new Set(counted.flatMap(({ provider_id: id }) => (id === null ? [] : [id])))].toSorted();
  return { kind, from, to, unit: unit === 'week' ? 'WEEK' : 'MONTH', rows: arrange(kind, counted, providers, range) };
}

function arrange(kind: ReportKind, counted: readonly Counted[], providers: readonly string[], range: ReportRange) {
  const found = new Map(counted.map((row) => [`${row.provider_id} ${row.period}`, row]));
  const lines = [...providers, null];
  const columns = [...range.periods, null];
  const at = (provider: string | null, period: string | null) => found.get(`${provider} ${period}`);
  const cells = lines.map((provider) =>
    columns.map(
      (period): Cell => ({ count: at(provider, period)?.count ?? 0, patients: at(provider, period)?.patients ?? 0 }),
    ),
  );
  const hidden = suppress(cells, closedPeriods(range));
  return lines.map((providerId, line) => ({
    providerId,
    cells: columns.map((period, column): ReportCell => {
      const row = at(providerId, period);
      const suppressed = hidden[line]?.[column] !== false;
      if (suppressed || row === undefined) return { period, suppressed: true, count: null, rate: null };
      const rate = kind === 'NO_SHOW_RATE' ? Math.round((row.marked / row.count) * 1_000) / 1_000 : null;
      return { period, suppressed: false, count: row.count, rate };
    }),
  }));
}
