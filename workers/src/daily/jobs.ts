import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';

/** Something done once a day of the clinic. Doing it again on the same day changes nothing more. */
export interface DailyJob {
  readonly name: string;
  /** What it did, for the log: names and counts alone. */
  readonly run: (ctx: Context) => Promise<Readonly<Record<string, unknown>>>;
}

const AT_MOST = 1_000;

/** The table of daily jobs. Each calls one function of the database, which is all that this role may do there. */
export const DAILY_JOBS: readonly DailyJob[] = [
  { name: 'partitions.ensure', run: ensurePartitions },
  { name: 'retention.drop', run: dropExpiredMonths },
  { name: 'idempotency.forget', run: (ctx) => untilFewer(ctx, 'forgotten', 'idempotency.forget_old') },
  {
    name: 'control_reports.forget',
    run: (ctx) => untilFewer(ctx, 'forgotten', 'integration.forget_control_reports'),
  },
  { name: 'installments.mark_overdue', run: markOverdueInstallments },
];

async function ensurePartitions(ctx: Context) {
  const [row] = await ctx.db.execute<{ made: string[] }>(sql`select base.ensure_partitions() as made`);
  return { made: row?.made ?? [] };
}

/** One month a call: between two of them those who waited go on. */
async function dropExpiredMonths(ctx: Context) {
  const dropped: Record<string, unknown>[] = [];
  for (;;) {
    const [month] = await ctx.db.execute(sql`select * from base.drop_expired_month()`);
    if (month === undefined) return { dropped };
    if (Number(month.undelivered) > 0 || Number(month.not_fanned_out) > 0) {
      ctx.log.warn({ ...month }, 'retention.undelivered_dropped');
    }
    dropped.push({ ...month });
  }
}

/** What is overdue is judged by the clinic's calendar; before the clinic has said where it is there is none. */
async function markOverdueInstallments(ctx: Context) {
  const [row] = await ctx.db.execute<{ zone: string | null }>(sql`select base.clinic_time_zone() as zone`);
  return row?.zone ? untilFewer(ctx, 'marked', 'billing.mark_overdue_installments') : { marked: 0 };
}

type BatchFunction =
  | 'idempotency.forget_old'
  | 'integration.forget_control_reports'
  | 'billing.mark_overdue_installments';

/** Calls a function that does at most so many at a time until it finds fewer. */
async function untilFewer(ctx: Context, what: string, name: BatchFunction) {
  let total = 0;
  for (;;) {
    const [row] = await ctx.db.execute<{ n: number }>(sql`select ${sql.raw(name)}(${AT_MOST}) as n`);
    const done = row?.n ?? 0;
    total += done;
    if (done < AT_MOST) return { [what]: total };
  }
}
