import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { eq, sql } from 'drizzle-orm';
import { dayOf } from '../exports/export.ts';
import { managerStep } from '../manager-step.ts';
import { businessDays, months } from '../tables.ts';

/**
 * Closes a business day for good: nothing is booked on it any more, and what is captured for it goes to the next open day.
 * To close a closed day changes nothing.
 *
 * @throws DomainError VALIDATION_FAILED, CONFLICT for a day that has not begun.
 */
export function closeBusinessDay(ctx: Context, date: string) {
  const step = { action: 'business_day.close', entity: 'business_day', entityId: date };
  return managerStep(ctx, step, async (tx) => {
    const [done] = await inWords(
      tx.execute<{ fresh: boolean }>(
        sql`select billing.close_business_day(${date}::date, ${actorOf(ctx.caller)}) as fresh`,
      ),
    );
    const [day] = await tx.select().from(businessDays).where(eq(businessDays.businessDate, date));
    if (day === undefined) throw new Error(`${date} was closed and is not there.`);
    return { result: { date, ...day }, repeated: done?.fresh === false };
  });
}

/**
 * Closes a month that is over, once all its days are closed; days on which nothing happened are closed with it.
 *
 * @throws DomainError VALIDATION_FAILED, CONFLICT while the month goes on or one of its days is open.
 */
export function closeMonth(ctx: Context, month: string) {
  const first = dayOf('MONTHLY_PROFIT_SUMMARY', month);
  const step = { action: 'month.close', entity: 'month', entityId: month };
  return managerStep(ctx, step, async (tx) => {
    const [done] = await inWords(
      tx.execute<{ fresh: boolean }>(sql`select billing.close_month(${first}::date, ${actorOf(ctx.caller)}) as fresh`),
    );
    const [row] = await tx.select().from(months).where(eq(months.month, first));
    if (row === undefined) throw new Error(`${month} was closed and is not there.`);
    return { result: { ...row, month }, repeated: done?.fresh === false };
  });
}

/** The ledger's own refusal (BW004) says in words what stands in the way. */
async function inWords<Rows>(work: PromiseLike<Rows>): Promise<Rows> {
  try {
    return await work;
  } catch (error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if ('code' in cause && cause.code === 'BW004') {
        const detail = `${cause.message.charAt(0).toUpperCase()}${cause.message.slice(1)}.`;
        throw new DomainError('CONFLICT', { detail });
      }
    }
    throw error;
  }
}
