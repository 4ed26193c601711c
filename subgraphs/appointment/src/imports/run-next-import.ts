import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { refusalOf } from '@bridgework/kernel/database-errors';
import { sql } from 'drizzle-orm';
import { MAX_ROWS_AT_ONCE, type RowFault, refusalCode } from './import.ts';
import { type RecordedImport, recordImport, type StoredRow } from './record-import.ts';

type WaitingImport = {
  readonly importId: string;
  readonly integrationId: string;
  readonly tokenId: string;
  readonly requestId: string;
  readonly rows: readonly StoredRow[];
};

/** Rolls the rows of this import back and nothing else. */
class RejectedError extends Error {}

/**
 * Carries out the oldest import that waits, in one transaction: a worker that dies on the way has booked nothing, and the
 * next one begins anew. How far it is shows beside it, batch by batch. False when none waits or another worker is at it.
 *
 * @see docs/rules.md#appointment-imports
 */
export async function runNextImport(ctx: Context): Promise<boolean> {
  return ctx.db.transaction(async (tx) => {
    const [waiting] = await tx.execute<WaitingImport>(sql`
      select import_id as "importId", integration_id as "integrationId", token_id as "tokenId",
        request_id as "requestId", rows
      from appointment.take_import()`);
    if (waiting === undefined) return false;
    const recorded = await bookOrExplain(ctx, tx, waiting);
    await tx.execute(sql`select appointment.finish_import(${waiting.importId}, ${recorded.importedCount},
      ${recorded.unchangedCount}, ${JSON.stringify(recorded.faults)}::text::jsonb)`);
    const failed = recorded.faults.length > 0;
    const internal = recorded.faults.some(({ code }) => code === 'internal');
    await recordAudit(tx, ctx, {
      action: 'appointment.import',
      entity: 'appointment_import',
      entityId: waiting.importId,
      integrationId: waiting.integrationId,
      actor: `token ${waiting.tokenId}`,
      requestId: waiting.requestId,
      result: internal ? 'FAILED' : failed ? 'REJECTED' : 'OK',
      ...(failed ? { errorMessage: internal ? 'INTERNAL' : refusalCode(recorded.faults) } : {}),
    });
    return true;
  });
}

async function bookOrExplain(ctx: Context, tx: Tx, waiting: WaitingImport): Promise<RecordedImport> {
  try {
    return await tx.transaction((inner) => bookInBatches(ctx, inner, waiting));
  } catch (error) {
    if (error instanceof RejectedError) {
      // A batch knows its own faults alone: all rows together name every one.
      return recordImport(tx, waiting, waiting.rows);
    }
    // What passes is tried again; an import that can never be carried out must not stand before all others for ever.
    if (refusalOf(error) !== null) throw error;
    ctx.log.error({ import: waiting.importId, err: error }, 'import.failed');
    const faults: readonly RowFault[] = [{ pointer: '', code: 'internal' }];
    return { result: 'REJECTED', importedCount: 0, unchangedCount: 0, faults };
  }
}

async function bookInBatches(ctx: Context, tx: Tx, waiting: WaitingImport): Promise<RecordedImport> {
  const rows = waiting.rows.toSorted((a, b) => a.starts_at.localeCompare(b.starts_at));
  let importedCount = 0;
  let unchangedCount = 0;
  for (let start = 0; start < rows.length; start += MAX_ROWS_AT_ONCE) {
    const batch = await recordImport(tx, waiting, rows.slice(start, start + MAX_ROWS_AT_ONCE));
    if (batch.result === 'REJECTED') throw new RejectedError(waiting.importId);
    importedCount += batch.importedCount;
    unchangedCount += batch.unchangedCount;
    const processed = Math.min(start + MAX_ROWS_AT_ONCE, rows.length);
    // On a connection of its own, or nobody would see it before the end.
    await ctx.db.execute(sql`select appointment.note_import_progress(${waiting.importId}, ${processed})`);
  }
  return { result: 'IMPORTED', importedCount, unchangedCount, faults: [] };
}
