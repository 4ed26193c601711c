import { CLINIC_TIME_ZONE } from './names.ts';

/** Riyadh keeps UTC+3 all year; a plan of fake data needs no more than that. */
const OFFSET_MS = 3 * 3_600_000;
const DAY_MS = 86_400_000;

const localDate = new Intl.DateTimeFormat('en-CA', { timeZone: CLINIC_TIME_ZONE });

/** `2026-11-23`, the date on the clinic's wall. */
export const dateOf = (instant: Date): string => localDate.format(instant);

export const addDays = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** The instant at which the clinic's clock shows this many minutes after midnight of a date. */
export const instantAt = (date: string, minutes: number): Date =>
  new Date(Date.parse(`${date}T00:00:00Z`) - OFFSET_MS + minutes * 60_000);

/** Friday is the day off. */
export const isDayOff = (date: string): boolean => new Date(`${date}T00:00:00Z`).getUTCDay() === 5;
