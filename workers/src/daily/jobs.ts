import { verifyExports } from '@bridgework/billing';
import type { Context } from '@bridgework/kernel/context';
import {
  checkReviews,
  clinicDate,
  type DroppedMonth,
  dropExpiredMonth,
  ensurePartitions,
  finishBatches,
  noticeExpiries,
} from '@bridgework/kernel/upkeep';

/** Something done once a day of the clinic. Doing it again on the same day changes nothing more. */
export interface DailyJob {
  readonly name: string;
  /** What it did, for the log: names and counts alone. */
  readonly run: (ctx: Context) => Promise<Readonly<Record<string, unknown>>>;
}

/** The table of daily jobs. */
export const DAILY_JOBS: readonly DailyJob[] = [
  { name: 'partitions.ensure', run: async ({ db }) => ({ made: await ensurePartitions(db) }) },
  { name: 'retention.drop', run: dropExpiredMonths },
  {
    name: 'idempotency.forget',
    run: async ({ db }) => ({ forgotten: await finishBatches(db, 'idempotency.forget_old') }),
  },
  {
    name: 'control_reports.forget',
    run: async ({ db }) => ({ forgotten: await finishBatches(db, 'integration.forget_control_reports') }),
  },
  {
    name: 'rest_requests.forget',
    run: async ({ db }) => ({ forgotten: await finishBatches(db, 'integration.forget_rest_requests') }),
  },
  { name: 'installments.mark_overdue', run: markOverdueInstallments },
  // By the day that the gateways' snapshots go by.
  { name: 'reviews.check', run: ({ db, now }) => checkReviews(db, now().toISOString().slice(0, 10)) },
  { name: 'expiries.notice', run: ({ db, now }) => noticeExpiries(db, now()) },
  { name: 'exports.verify', run: async (ctx) => ({ ...(await verifyExports(ctx)) }) },
];

/** One month a call: between two of them those who waited go on. */
async function dropExpiredMonths(ctx: Context) {
  const dropped: DroppedMonth[] = [];
  for (;;) {
    const month = await dropExpiredMonth(ctx.db);
    if (month === undefined) return { dropped };
    if (month.undelivered > 0 || month.notFannedOut > 0) ctx.log.warn({ ...month }, 'retention.undelivered_dropped');
    dropped.push(month);
  }
}

/** What is overdue is judged by the clinic's calendar; before the clinic has said where it is there is none. */
async function markOverdueInstallments({ db, now }: Context) {
  const today = await clinicDate(db, now());
  return { marked: today === undefined ? 0 : await finishBatches(db, 'billing.mark_overdue_installments') };
}
