/** Seconds between one failed attempt and the next; after the last step a delivery is dead. */
export const DEFAULT_SCHEDULE_SECONDS: readonly number[] = [
  5,
  30,
  2 * 60,
  10 * 60,
  30 * 60,
  2 * 3600,
  6 * 3600,
  12 * 3600,
  24 * 3600,
  24 * 3600,
];
