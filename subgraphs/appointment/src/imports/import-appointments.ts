import { parseIdempotencyKey } from '@bridgework/kernel/arguments';
import { recordAudit } from '@bridgework/kernel/audit';
import type { Context, IntegrationCaller } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import { beginIdempotentRequest, finishIdempotentRequest } from '@bridgework/kernel/idempotency';
import { eq } from 'drizzle-orm';
import { AuditedRefusal, auditingRefusals } from '../audit-refusals.ts';
import { imports } from '../tables.ts';
import { importColumns } from './find-import.ts';
import { type Import, MAX_ROWS_AT_ONCE, type RowFault, refusalCode, toFieldError } from './import.ts';
import { type ImportAppointments, parseImport } from './parse-import.ts';
import { recordImport, toStoredRow } from './record-import.ts';

export interface ImportAnswer {
  readonly appointmentImport: Import;
  readonly background: boolean;
  readonly replayed: boolean;
}

/** What is kept under the key: the answer as it was given, so that a repetition reads alike whatever happened since. */
type Outcome =
  | { readonly kind: 'taken'; readonly appointmentImport: Import; readonly background: boolean }
  | { readonly kind: 'rejected'; readonly id: string; readonly code: ErrorCode; readonly faults: readonly RowFault[] };

const STEP = { action: 'appointment.import', entity: 'appointment_import' } as const;

/**
 * Books a partner's appointments, all or none. Up to 50 rows are booked at once; more wait for a worker, and the answer
 * says so. A refusal by the clinic's calendar commits: with its record, its stored answer and its audit row.
 *
 * @throws DomainError VALIDATION_FAILED, CLINIC_AUTHORITATIVE or SLOT_CONFLICT with a pointer for every row at fault,
 *   IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, INSUFFICIENT_SCOPE for a caller that is no integration.
 * @see docs/rules.md#appointment-imports
 */
export function importAppointments(ctx: Context, given: unknown, idempotencyKey: string): Promise<ImportAnswer> {
  return auditingRefusals(ctx, STEP, async () => {
    const input = parseImport(given);
    const key = parseIdempotencyKey(idempotencyKey);
    const { caller } = ctx;
    if (caller.kind !== 'integration') throw new DomainError('INSUFFICIENT_SCOPE');
    const { outcome, replayed } = await ctx.db.transaction(async (tx) => {
      const request = await beginIdempotentRequest<Outcome>(tx, ctx, {
        operation: 'importAppointments',
        key,
        input,
      });
      if (request.kind === 'replay') {
        await audited(tx, ctx, request.outcome, true);
        return { outcome: request.outcome, replayed: true };
      }
      const taken = await take(tx, { ...ctx, caller }, input);
      await finishIdempotentRequest(tx, request.begun, taken);
      await audited(tx, ctx, taken, false);
      return { outcome: taken, replayed: false };
    });
    if (outcome.kind === 'taken') return { ...outcome, replayed };
    throw new AuditedRefusal(outcome.code, {
      errors: outcome.faults.map(toFieldError),
      ...(replayed ? { replayed } : {}),
    });
  });
}

async function take(
  tx: Tx,
  { caller, requestId }: Context & { readonly caller: IntegrationCaller },
  { rows, metadata }: ImportAppointments,
): Promise<Outcome> {
  const stored = rows.map(toStoredRow);
  const background = rows.length > MAX_ROWS_AT_ONCE;
  const { integrationId, tokenId } = caller;
  const [waiting] = await tx
    .insert(imports)
    .values({
      integrationId,
      tokenId,
      requestId,
      rowCount: rows.length,
      metadata,
      ...(background ? { rows: stored } : {}),
    })
    .returning(importColumns);
  if (waiting === undefined) throw new Error('An insert returned nothing.');
  if (background) return { kind: 'taken', appointmentImport: waiting, background };
  const { importedCount, unchangedCount, faults } = await recordImport(
    tx,
    { importId: waiting.id, integrationId },
    stored,
  );
  const code = faults.length === 0 ? null : refusalCode(faults);
  // Not a word of the clinic's but a fault of the request: nothing of it is kept, and its key is free again.
  if (code === 'VALIDATION_FAILED') throw new DomainError(code, { errors: faults.map(toFieldError) });
  const [ended] = await tx
    .update(imports)
    .set({
      status: code === null ? 'DONE' : 'FAILED',
      processedCount: rows.length,
      importedCount,
      unchangedCount,
      errors: faults,
      finishedAt: new Date(),
    })
    .where(eq(imports.id, waiting.id))
    .returning(importColumns);
  if (ended === undefined) throw new Error('An update returned nothing.');
  return code === null
    ? { kind: 'taken', appointmentImport: ended, background }
    : { kind: 'rejected', id: ended.id, code, faults };
}

async function audited(tx: Tx, ctx: Context, outcome: Outcome, replayed: boolean): Promise<void> {
  if (outcome.kind === 'taken') {
    const { appointmentImport, background } = outcome;
    await recordAudit(tx, ctx, {
      ...STEP,
      // Its worker writes how it ended.
      action: background ? 'appointment.import_request' : STEP.action,
      entityId: appointmentImport.id,
      result: replayed ? 'REPLAY' : 'OK',
    });
  } else {
    await recordAudit(tx, ctx, {
      ...STEP,
      entityId: outcome.id,
      result: replayed ? 'REPLAY' : 'REJECTED',
      errorMessage: outcome.code,
    });
  }
}
