import { setTimeout } from 'node:timers/promises';
import type { Context } from '@bridgework/kernel/context';
import type { Db } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';
import { type Mark, newestSettled, remember } from './horizon.ts';

/** Marks of each database this process works on; whoever asks leaves one for those who come later. */
const marksOf = new WeakMap<Db, readonly Mark[]>();
/** By this process's own clock, which may differ from the database's. */
const lastTakenMs = new WeakMap<Db, number>();

/** A mark so young is as good as now. */
const FRESH_MS = 25;
/** Somebody writes: a transaction of the clinic takes a few milliseconds. */
const LOOKS = 5;
const PAUSE_MS = 4;

/**
 * The instant before which everything that was changed can be seen; null when none is known yet, because a transaction
 * that was at work when this process first looked still is. Ask before reading: what is read then is at least as new.
 */
export async function findHorizon(ctx: Context): Promise<Date | null> {
  for (let look = 1; ; look += 1) {
    // A number is spent for a mark: reads that come together share one.
    const wantsMark = look === 1 && performance.now() - (lastTakenMs.get(ctx.db) ?? -FRESH_MS) >= FRESH_MS;
    if (wantsMark) lastTakenMs.set(ctx.db, performance.now());
    const { at, lowestRunning, number } = await lookAt(ctx, wantsMark);
    if (number !== null) marksOf.set(ctx.db, remember(marksOf.get(ctx.db) ?? [], { at, nextNumber: number }));
    const settled = newestSettled(marksOf.get(ctx.db) ?? [], lowestRunning);
    const isFresh = settled !== undefined && at.getTime() - settled.at.getTime() <= FRESH_MS;
    if (isFresh || look === LOOKS) return settled?.at ?? null;
    await setTimeout(PAUSE_MS);
  }
}

/**
 * One statement, a transaction of its own: it begins at `now()`, then takes its snapshot, then, when asked, a number.
 * `pg_snapshot_xmax` would not do for that: it is the highest number that has *ended*, and others may be at work above it.
 */
async function lookAt(ctx: Context, takesNumber: boolean) {
  const [row] = await ctx.db.execute<{ at: string; lowest: string; number: string | null }>(sql`
    select to_char(now()::timestamptz(3) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
      pg_snapshot_xmin(pg_current_snapshot())::text as lowest,
      case when ${takesNumber} then pg_current_xact_id()::text end as number`);
  if (row === undefined) throw new Error('A snapshot has a row.');
  return {
    at: new Date(row.at),
    lowestRunning: BigInt(row.lowest),
    number: row.number === null ? null : BigInt(row.number),
  };
}
