import type { Sql } from 'postgres';
import type { Chance } from '../../seed/chance.ts';
import type { Agenda } from './agenda.ts';

/** How often each thing happened. */
export interface Tally {
  booked: number;
  confirmed: number;
  moved: number;
  cancelled: number;
  missed: number;
  treated: number;
  invoiced: number;
  inInstallments: number;
  paid: number;
  overdue: number;
  restocked: number;
  ranLow: number;
  closedDays: number;
  /** Somebody else took the slot or held the row: given up, as a receptionist would. */
  givenUp: number;
}

export const newTally = (): Tally => ({
  ...{ booked: 0, confirmed: 0, moved: 0, cancelled: 0, missed: 0, treated: 0, invoiced: 0, inInstallments: 0 },
  ...{ paid: 0, overdue: 0, restocked: 0, ranLow: 0, closedDays: 0, givenUp: 0 },
});

/** One clinic day that is being played. */
export interface ClinicDay {
  /** A login of the role core_app. */
  readonly sql: Sql;
  readonly chance: Chance;
  readonly agenda: Agenda;
  readonly tally: Tally;
  /** `YYYY-MM-DD` in the clinic's time zone. */
  readonly date: string;
  /** The instant at which the clinic's clock shows so many minutes after midnight of this day. */
  at(minutes: number): Date;
  /** Minor units of one unit of the clinic's currency, 100 for SAR, 1000 for KWD. */
  readonly currency: { readonly code: string; readonly minorPerUnit: number };
  /** What a believable day has at least once; the first chance for it is taken. */
  readonly wanted: Set<'move' | 'unpaid plan' | 'low stock'>;
}

export const MINUTE_MS = 60_000;
export const later = (instant: Date, minutes: number): Date => new Date(instant.getTime() + minutes * MINUTE_MS);

/** True the first time in a day, afterwards with this probability. */
export function wantsTo({ wanted, chance }: ClinicDay, what: 'move' | 'unpaid plan', probability: number): boolean {
  // Drawn in any case, so that what follows does not depend on it.
  const happens = chance.happens(probability);
  return wanted.delete(what) || happens;
}
