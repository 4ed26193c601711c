import type { Tx } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';
import type { ImportRow, RowFault } from './import.ts';

export interface RecordedImport {
  readonly result: 'IMPORTED' | 'REJECTED';
  readonly importedCount: number;
  readonly unchangedCount: number;
  readonly faults: readonly RowFault[];
}

/** A row as `appointment.record_import` and the waiting import have it. */
export type StoredRow = ReturnType<typeof toStoredRow>;

export const toStoredRow = (row: ImportRow) => ({
  external_id: row.externalId,
  patient_id: row.patientId,
  provider_id: row.providerId,
  chair_id: row.chairId,
  starts_at: row.startsAt.toISOString(),
  ends_at: row.endsAt.toISOString(),
});

/** Books all of these rows or none: the one way into the clinic's calendar. Pointers count within `rows`. */
export async function recordImport(
  tx: Tx,
  { importId, integrationId }: { readonly importId: string; readonly integrationId: string },
  rows: readonly StoredRow[],
): Promise<RecordedImport> {
  const [row] = await tx.execute<{
    result: RecordedImport['result'];
    imported: number;
    unchanged: number;
    errors: RowFault[];
  }>(sql`
    select result, imported_count as imported, unchanged_count as unchanged, errors
    from appointment.record_import(${importId}, ${integrationId}, ${JSON.stringify(rows)}::text::jsonb)`);
  if (row === undefined) throw new Error('appointment.record_import answered nothing.');
  return { result: row.result, importedCount: row.imported, unchangedCount: row.unchanged, faults: row.errors };
}
