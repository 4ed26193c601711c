import { DomainError } from '@bridgework/kernel/errors';

/** Whole calendar weeks, Monday to Sunday, or whole months, that are over. */
export interface ReportRange {
  readonly unit: 'week' | 'month';
  /** First days of the weeks or months. */
  readonly periods: readonly string[];
}

const MAX_PERIODS = 53;
const DAY_MS = 86_400_000;
const at = (day: string) => Date.parse(`${day}T00:00:00Z`);
const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/**
 * The weeks or months from one day to another, both included. Parts of them would let somebody subtract one report from
 * another until one patient is left.
 *
 * @param today of the clinic: what is not over would change, and its changes tell of single patients.
 * @throws DomainError VALIDATION_FAILED
 */
export function rangeOf(from: string, to: string, today: string): ReportRange {
  if (to >= today) throw refused('/to', 'not-over', 'Ask for weeks or months that are over.');
  if (from > to) throw refused('/to', 'before-from', 'to is not before from.');
  const dayAfter = dayOf(at(to) + DAY_MS);
  if (from.endsWith('-01') && dayAfter.endsWith('-01')) return { unit: 'month', periods: capped(monthsOf(from, to)) };
  const isMonday = (day: string) => new Date(at(day)).getUTCDay() === 1;
  if (!isMonday(from) || !isMonday(dayAfter)) {
    throw refused('/from', 'no-whole-periods', 'Give whole months, or whole weeks from Monday to Sunday.');
  }
  const weeks: string[] = [];
  for (let day = at(from); day < at(dayAfter) && weeks.length <= MAX_PERIODS; day += 7 * DAY_MS) weeks.push(dayOf(day));
  return { unit: 'week', periods: capped(weeks) };
}

/**
 * Weeks that are never shown: those that begin or end where a month does. By the others no day is the boundary of both a
 * week and a month, so no sum of weeks is a sum of months, and nobody gets the days between the two by subtraction.
 */
export function closedPeriods({ unit, periods }: ReportRange): readonly boolean[] {
  const meetsMonth = (day: string) => day.endsWith('-01') || dayOf(at(day) + 7 * DAY_MS).endsWith('-01');
  return periods.map((day) => unit === 'week' && meetsMonth(day));
}

function monthsOf(from: string, to: string): string[] {
  const months: string[] = [];
  for (let day = from; day <= to && months.length <= MAX_PERIODS; ) {
    months.push(day);
    const next = new Date(at(day));
    day = dayOf(next.setUTCMonth(next.getUTCMonth() + 1));
  }
  return months;
}

function capped(periods: readonly string[]): readonly string[] {
  if (periods.length <= MAX_PERIODS) return periods;
  throw refused('/to', 'too-long', `Ask for ${MAX_PERIODS} weeks or months at most.`);
}

const refused = (pointer: string, code: string, detail: string): DomainError =>
  new DomainError('VALIDATION_FAILED', { errors: [{ pointer, code, detail }] });
