import type { Context } from '@bridgework/kernel/context';
import { clinicDate } from '@bridgework/kernel/upkeep';
import { type Repeating, repeat } from '../schedule.ts';
import { DAILY_JOBS, type DailyJob } from './jobs.ts';

export interface DailyOptions {
  readonly jobs?: readonly DailyJob[];
  /** How often each job looks whether a new day has begun. */
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;
/** A day begins a little late here: the jobs ask the database's clock, which may be behind this process's. */
const MARGIN_MS = 5 * 60_000;

/**
 * Runs each job once when it is started and once on every later day, by the clinic's calendar and the context's clock.
 * Several processes may do so at once. A job that fails is logged and tried again at the next look, not sooner: one that
 * waits for a lock makes others wait behind it. It holds up no other job.
 */
export function startDailyJobs(contextOf: (job: string) => Context, options: DailyOptions = {}): Repeating {
  const repeating = (options.jobs ?? DAILY_JOBS).map((job) =>
    startDailyJob(contextOf(job.name), job, options.everyMs ?? EVERY_MS),
  );
  return {
    async close() {
      await Promise.all(repeating.map((one) => one.close()));
    },
  };
}

function startDailyJob(ctx: Context, job: DailyJob, everyMs: number): Repeating {
  let doneOn: string | undefined;
  return repeat(job.name, ctx.log, async () => {
    const at = new Date(ctx.now().getTime() - MARGIN_MS);
    const today = (await clinicDate(ctx.db, at)) ?? at.toISOString().slice(0, 10);
    if (today !== doneOn) {
      const result = await job.run(ctx).catch((error: unknown) => {
        ctx.log.error({ day: today, err: error }, 'job.failed');
      });
      if (result !== undefined) {
        ctx.log.info({ day: today, ...result }, 'job.done');
        doneOn = today;
      }
    }
    return everyMs;
  });
}
