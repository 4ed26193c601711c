import { z } from 'zod';
import { defineRoute } from '../define-route.ts';
import { day, idOf } from '../values.ts';

const ReportCellV1 = z.strictObject({
  period: day.nullable().meta({ description: 'First day of the week or month; null: all of them.' }),
  suppressed: z.boolean().meta({ description: 'Of fewer than 5 patients, or such a cell could be computed from it.' }),
  count: z.int().nullable(),
  rate: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .meta({ description: 'Share of missed appointments; of no-show-rate alone.' }),
});

export const ReportV1 = z
  .strictObject({
    from: day,
    to: day,
    unit: z.enum(['WEEK', 'MONTH']),
    rows: z.array(
      z.strictObject({
        provider_id: idOf('prv').nullable().meta({ description: 'null: all providers.' }),
        cells: z.array(ReportCellV1),
      }),
    ),
  })
  .meta({ id: 'Report' });

interface ReportData {
  readonly activityReport: {
    readonly from: string;
    readonly to: string;
    readonly unit: string;
    readonly rows: readonly {
      readonly provider: { readonly id: string } | null;
      readonly cells: readonly {
        readonly period: string | null;
        readonly suppressed: boolean;
        readonly count: number | null;
        readonly rate: number | null;
      }[];
    }[];
  };
}

/** @see docs/rules.md#aggregated-reports */
const defineReport = (
  path: 'daily-appointments' | 'visit-volume' | 'no-show-rate',
  operation: string,
  summary: string,
) =>
  defineRoute({
    method: 'GET',
    path: `/api/v1/reports/${path}`,
    tag: 'Reports',
    operation,
    summary,
    description:
      'By provider and by whole week (Monday to Sunday) or whole month, of the calendar as it now stands; what is not over ' +
      'is refused. Cells of fewer than 5 patients are suppressed, with the totals that they could be computed from, and weeks ' +
      'that begin or end where a month does.',
    personalData: false,
    query: z.strictObject({
      from: day.meta({ description: 'A Monday, or the first day of a month.' }),
      to: day.meta({ description: 'A Sunday, or the last day of a month.' }),
    }),
    answers: { 200: ReportV1 },
    variables: ({ query }) => ({ from: query.from, to: query.to }),
    toV1: ({ activityReport: report }: ReportData) => ({
      from: report.from,
      to: report.to,
      unit: report.unit,
      rows: report.rows.map(({ provider, cells }) => ({
        provider_id: provider?.id ?? null,
        cells: cells.map(({ period, suppressed, count, rate }) => ({ period, suppressed, count, rate })),
      })),
    }),
  });

export const reportRoutesV1 = [
  defineReport('daily-appointments', 'DailyAppointmentsV1', 'Count appointments that were not cancelled.'),
  defineReport('visit-volume', 'VisitVolumeV1', 'Count completed visits.'),
  defineReport('no-show-rate', 'NoShowRateV1', 'Tell how many of the appointments kept or missed were missed.'),
];
