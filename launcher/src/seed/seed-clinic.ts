import postgres from 'postgres';
import type { ClinicData, ClinicSize } from './clinic-data.ts';
import { planClinic } from './plan-clinic.ts';
import { writeClinic } from './write-clinic.ts';

export interface SeedOptions {
  /** The plan is laid around this instant. */
  readonly now: Date;
}

/** Three months of a clinic with 400 patients. */
const FULL: ClinicSize = {
  seed: 11,
  patients: 400,
  providers: 6,
  chairs: 4,
  items: 60,
  daysBefore: 60,
  daysAfter: 31,
  fullness: 0.62,
};

/** Enough of everything for a test, and little enough to read. */
const SMALL: ClinicSize = {
  seed: 7,
  patients: 12,
  providers: 2,
  chairs: 2,
  items: 6,
  daysBefore: 3,
  daysAfter: 3,
  fullness: 0.3,
};

/**
 * Fills an empty, migrated database with the fake clinic of the sandbox: all of it or nothing. Deterministic but for the
 * ids. Returns what it wrote, or undefined when the database has a clinic already.
 */
export const seedClinic = (ownerUrl: string, { now }: SeedOptions): Promise<ClinicData | undefined> =>
  seed(ownerUrl, FULL, now);

/** A dozen patients and a week around `now`, for tests. */
export async function seedSmallClinic(ownerUrl: string, { now }: SeedOptions): Promise<ClinicData> {
  const clinic = await seed(ownerUrl, SMALL, now);
  if (clinic === undefined) throw new Error('This database has a clinic already.');
  return clinic;
}

async function seed(ownerUrl: string, size: ClinicSize, now: Date): Promise<ClinicData | undefined> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    return await sql.begin(async (tx) => {
      // Two launchers at once on an empty database: the second waits and finds a clinic.
      await tx`select pg_advisory_xact_lock(hashtext('bridgework.seed'))`;
      const [found] = await tx`select 1 from appointment.clinic_settings`;
      if (found !== undefined) return undefined;
      const clinic = planClinic(size, now);
      await writeClinic(tx, clinic, now);
      return clinic;
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
