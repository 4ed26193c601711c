import postgres, { type Sql } from 'postgres';
import { addDays, isDayOff } from '../../seed/calendar.ts';
import { type Chance, createChance } from '../../seed/chance.ts';
import { only } from '../only.ts';
import { createAgenda } from './agenda.ts';
import { type Booked, bookAhead, bookToday } from './book.ts';
import { collectDebt } from './check-out.ts';
import type { ClinicClock } from './clock.ts';
import { followAppointment } from './follow-appointment.ts';
import { type ClinicDay, later, newTally, type Tally } from './play.ts';
import { discardExpired, restock } from './stock.ts';

export interface PlayOptions {
  /** A login of the role core_app: the play may do what the clinic's core may, and nothing else. */
  readonly coreUrl: string;
  /** The last so many working days before today. The database takes no money of the future, so the days are past ones. */
  readonly days: number;
  /** The same seed on the same clinic gives the same days, but for the ids. */
  readonly seed: number;
  readonly clock: ClinicClock;
  readonly signal?: AbortSignal;
  /** Called after each thing that happened. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly day: number;
  readonly date: string;
  readonly clinicTime: Date;
  readonly tally: Readonly<Tally>;
}

/** Plays the clinic's working days from opening to closing, and answers how often each thing happened. */
export async function playDays(options: PlayOptions): Promise<Tally> {
  const sql = postgres(options.coreUrl, {
    max: 1,
    connection: { application_name: 'core-simulator' },
    onnotice: () => undefined,
  });
  const tally = newTally();
  try {
    const chance = createChance(options.seed);
    const currency = await readCurrency(sql);
    for (const [index, date] of (await chooseDates(sql, options.days)).entries()) {
      if (options.signal?.aborted) break;
      const day = await openDay(sql, { chance, currency, tally }, date);
      await planDay(day);
      await playDay(day, options, index + 1);
    }
  } finally {
    await sql.end({ timeout: 5 });
  }
  return tally;
}

/** The last working days before the clinic's today, oldest first. */
async function chooseDates(sql: Sql, days: number): Promise<string[]> {
  const rows = await sql<{ today: string }[]>`select base.local_date(now())::text as today`;
  const dates: string[] = [];
  for (let date = only(rows, 'The clinic has no calendar.').today; dates.length < days; ) {
    date = addDays(date, -1);
    if (!isDayOff(date)) dates.unshift(date);
  }
  return dates;
}

async function readCurrency(sql: Sql): Promise<ClinicDay['currency']> {
  const rows = await sql<{ code: string; exponent: number }[]>`
    select code, exponent from billing.currencies join appointment.clinic_settings on default_currency = code`;
  const { code, exponent } = only(rows, 'This database has no clinic yet.');
  return { code, minorPerUnit: 10 ** exponent };
}

async function openDay(
  sql: Sql,
  run: { readonly chance: Chance; readonly currency: ClinicDay['currency']; readonly tally: Tally },
  date: string,
): Promise<ClinicDay> {
  const rows = await sql<{ midnight: Date }[]>`
    select ${date}::date::timestamp at time zone base.clinic_time_zone() as midnight`;
  const { midnight } = only(rows, 'The clinic has no calendar.');
  return {
    ...{ ...run, sql, date, agenda: createAgenda() },
    at: (minutes) => later(midnight, minutes),
    wanted: new Set(['move', 'unpaid plan', 'low stock']),
  };
}

const HOUR = 60;
const OPENS = 8 * HOUR + 15;
const CLOSES = 22 * HOUR;

/** The day's known appointments, its calls, its debtors; then its closing. */
async function planDay(day: ClinicDay): Promise<void> {
  const { agenda, chance, at } = day;
  agenda.add(at(OPENS), () => restock(day, at(OPENS)));
  for (const booked of await readDiary(day)) followAppointment(day, booked);
  for (let calls = chance.between(5, 9); calls > 0; calls -= 1) {
    const calledAt = at(chance.between(OPENS + 5, 18 * HOUR));
    agenda.add(calledAt, () => noteBooking(day, bookToday(day, calledAt)));
  }
  for (let calls = chance.between(3, 6); calls > 0; calls -= 1) {
    agenda.add(at(chance.between(9 * HOUR, 20 * HOUR)), () => noteBooking(day, bookAhead(day)));
  }
  for (let debtors = chance.between(1, 3); debtors > 0; debtors -= 1) {
    const comesAt = at(chance.between(9 * HOUR, 20 * HOUR));
    agenda.add(comesAt, () => collectDebt(day, comesAt));
  }
  agenda.add(at(CLOSES - 15), () => discardExpired(day, at(CLOSES - 15)));
  agenda.add(at(CLOSES), () => closeDay(day));
  agenda.add(at(24 * HOUR + 5), () => markOverdue(day));
}

/** What stands in the diary of this day and is not over. */
const readDiary = ({ sql, date }: ClinicDay): Promise<Booked[]> => sql<Booked[]>`
  select a.id, a.status, a.starts_at as "startsAt", a.ends_at as "endsAt" from appointment.appointments a
  join appointment.chairs c on c.id = a.chair_id
  where base.local_date(a.starts_at) = ${date} and a.status in ('SCHEDULED', 'CONFIRMED', 'IN_PROGRESS')
  order by a.starts_at, c.key`;

async function noteBooking(day: ClinicDay, booking: Promise<Booked | undefined>): Promise<void> {
  const booked = await booking;
  if (booked === undefined) return;
  day.tally.booked += 1;
  if (booked.startsAt < day.at(24 * HOUR)) followAppointment(day, booked);
}

async function closeDay({ sql, date, tally }: ClinicDay): Promise<void> {
  const [row] = await sql<{ closed: boolean }[]>`
    select billing.close_business_day(${date}, 'system core.simulator') as closed`;
  if (row?.closed === true) tally.closedDays += 1;
}

/** The nightly run of the core. It judges by the database's today, not by the day that is played. */
async function markOverdue({ sql, tally }: ClinicDay): Promise<void> {
  const [row] = await sql<{ marked: number }[]>`select billing.mark_overdue_installments(10000) as marked`;
  tally.overdue += row?.marked ?? 0;
}

async function playDay(day: ClinicDay, { clock, signal, onProgress }: PlayOptions, number: number): Promise<void> {
  clock.skipTo(day.at(8 * HOUR));
  for (let happening = day.agenda.next(); happening !== undefined; happening = day.agenda.next()) {
    try {
      await clock.reach(happening.at);
      await happening.act();
    } catch (error) {
      if (signal?.aborted) return;
      if (!isSomebodyQuicker(error)) throw error;
      day.tally.givenUp += 1;
    }
    onProgress?.({ day: number, date: day.date, clinicTime: happening.at, tally: day.tally });
  }
}

/** Exclusion violation, deadlock, lock not available: others use the clinic too. */
const isSomebodyQuicker = (error: unknown): boolean =>
  error instanceof postgres.PostgresError && ['23P01', '40P01', '55P03'].includes(error.code);
