import { sql } from 'drizzle-orm';
import type { Db } from './database.ts';

/** The database's upkeep. Each of these calls one function of the database, which is all that the workers' role may do. */

/** Makes the partitions of the months around today that are missing; answers which. Cheap when none is. */
export async function ensurePartitions(db: Db): Promise<readonly string[]> {
  const [row] = await db.execute<{ made: string[] }>(sql`select base.ensure_partitions() as made`);
  return row?.made ?? [];
}

/** What went with a month of events. */
export interface DroppedMonth {
  /** `YYYY-MM`. */
  readonly month: string;
  readonly events: number;
  /** Of those, how many no worker ever took from the outbox. */
  readonly notFannedOut: number;
  readonly deliveries: number;
  /** Of those, how many were never sent; each has an audit row. */
  readonly undelivered: number;
  readonly attempts: number;
}

/**
 * Drops the oldest month of events, deliveries and attempts that is past its retention of 90 days; undefined when there
 * is none. Throws lock_not_available (55P03) when others held it up for a quarter of a second.
 *
 * @see docs/decisions/0007-retention-by-months.md
 */
export async function dropExpiredMonth(db: Db): Promise<DroppedMonth | undefined> {
  const [row] = await db.execute<Record<keyof DroppedMonth, string>>(sql`
    select month, events, not_fanned_out as "notFannedOut", deliveries, undelivered, attempts
    from base.drop_expired_month()`);
  if (row === undefined) return undefined;
  const { month, ...counts } = row;
  return {
    month,
    events: Number(counts.events),
    notFannedOut: Number(counts.notFannedOut),
    deliveries: Number(counts.deliveries),
    undelivered: Number(counts.undelivered),
    attempts: Number(counts.attempts),
  };
}

/** Functions that do at most so many at a time and answer how many they did. */
export type BatchFunction =
  | 'idempotency.forget_old'
  | 'integration.forget_control_reports'
  | 'integration.forget_rest_requests'
  | 'billing.mark_overdue_installments';

const AT_MOST = 1_000;

/** Calls one until it finds less than it may do; answers how many it did in all. */
export async function finishBatches(db: Db, name: BatchFunction): Promise<number> {
  let total = 0;
  for (;;) {
    const [row] = await db.execute<{ n: number }>(sql`select ${sql.raw(name)}(${AT_MOST}) as n`);
    const done = row?.n ?? 0;
    total += done;
    if (done < AT_MOST) return total;
  }
}

/** `YYYY-MM-DD` where the clinic is; undefined while it has not said where that is. */
export async function clinicDate(db: Db, at: Date): Promise<string | undefined> {
  const [row] = await db.execute<{ day: string | null }>(sql`
    select to_char(${at.toISOString()}::timestamptz at time zone base.clinic_time_zone(), 'YYYY-MM-DD') as day`);
  return row?.day ?? undefined;
}

/**
 * Alerts of reviews whose day is past on `today` (`YYYY-MM-DD`), and pauses integrations whose review is past for too
 * long. Doing it again on the same day changes nothing more.
 */
export async function checkReviews(db: Db, today: string): Promise<{ alerted: number; paused: number }> {
  const [row] = await db.execute<{ alerted: number; paused: number }>(
    sql`select alerted, paused from integration.check_reviews(${today}::date)`,
  );
  return row ?? { alerted: 0, paused: 0 };
}

/** Alerts of tokens and sensitive scopes that end within 14 days after `at`; answers how many alerts that were. */
export async function noticeExpiries(db: Db, at: Date): Promise<{ tokens: number; scopes: number }> {
  const [row] = await db.execute<{ tokens: number; scopes: number }>(
    sql`select tokens, scopes from integration.notice_expiries(${at.toISOString()}::timestamptz)`,
  );
  return row ?? { tokens: 0, scopes: 0 };
}
