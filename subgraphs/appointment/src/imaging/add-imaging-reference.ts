import { parseIdempotencyKey } from '@bridgework/kernel/arguments';
import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError, type ErrorCode, type FieldError } from '@bridgework/kernel/errors';
import { beginIdempotentRequest, finishIdempotentRequest } from '@bridgework/kernel/idempotency';
import { eq, sql } from 'drizzle-orm';
import { AuditedRefusal, auditingRefusals } from '../audit-refusals.ts';
import { imagingMetadata } from '../tables.ts';
import { type AddImagingReference, parseImaging } from './parse-imaging.ts';

export interface ImagingAnswer {
  readonly imagingReference: { readonly id: string };
  readonly recordedEarlier: boolean;
  readonly replayed: boolean;
}

type Outcome =
  | { readonly kind: 'recorded'; readonly id: string; readonly recordedEarlier: boolean }
  | { readonly kind: 'rejected'; readonly code: ErrorCode; readonly errors: readonly FieldError[] };

const STEP = { action: 'imaging.add', entity: 'imaging_reference' } as const;

/**
 * Adds the reference to an image in a partner's archive. The address is looked at and never fetched.
 *
 * @throws DomainError VALIDATION_FAILED, PAYLOAD_TOO_LARGE, NOT_FOUND for an unknown patient or visit,
 *   CLINIC_AUTHORITATIVE when the instance is known with other content, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS.
 * @see docs/rules.md#imaging-references
 */
export function addImagingReference(ctx: Context, given: unknown, idempotencyKey: string): Promise<ImagingAnswer> {
  return auditingRefusals(ctx, STEP, async () => {
    const input = parseImaging(given, ctx.now());
    const key = parseIdempotencyKey(idempotencyKey);
    const { caller } = ctx;
    if (caller.kind !== 'integration') throw new DomainError('INSUFFICIENT_SCOPE');
    const { outcome, replayed } = await ctx.db.transaction(async (tx) => {
      const { host: _host, ...said } = input;
      const request = await beginIdempotentRequest<Outcome>(tx, ctx, {
        operation: 'addImagingReference',
        key,
        input: said,
      });
      const decided = request.kind === 'replay' ? request.outcome : await record(tx, caller.integrationId, input);
      if (request.kind === 'fresh') await finishIdempotentRequest(tx, request.begun, decided);
      const replayed = request.kind === 'replay' || (decided.kind === 'recorded' && decided.recordedEarlier);
      await audited(tx, ctx, decided, replayed);
      return { outcome: decided, replayed };
    });
    if (outcome.kind === 'recorded') {
      return { imagingReference: { id: outcome.id }, recordedEarlier: outcome.recordedEarlier, replayed };
    }
    throw new AuditedRefusal(outcome.code, { errors: outcome.errors, ...(replayed ? { replayed } : {}) });
  });
}

async function record(tx: Tx, integrationId: string, input: AddImagingReference): Promise<Outcome> {
  await demandAllowedHost(tx, integrationId, input.host);
  const [row] = await tx.execute<{ result: string; id: string | null }>(sql`
    select result, imaging_id as id from appointment.record_imaging(${integrationId}, ${input.patientId}, ${input.visitId},
      ${input.studyInstanceUid}, ${input.seriesInstanceUid}, ${input.sopInstanceUid}, ${input.modality},
      ${input.takenAt.toISOString()}::timestamptz, ${input.uri}, ${input.contentType}, ${input.byteSize}::bigint,
      ${input.sha256}, ${input.device})`);
  switch (row?.result) {
    case 'RECORDED':
      await tx.insert(imagingMetadata).values({ imagingId: row.id ?? '', metadata: input.metadata });
      return { kind: 'recorded', id: row.id ?? '', recordedEarlier: false };
    case 'UNCHANGED':
      return (await hasMetadata(tx, row.id ?? '', input))
        ? { kind: 'recorded', id: row.id ?? '', recordedEarlier: true }
        : CONFLICT;
    case 'CONFLICT':
      return CONFLICT;
    case 'PATIENT_NOT_FOUND':
      return unknown('/patientId', 'patient-not-found', 'There is no such patient.');
    case 'VISIT_NOT_FOUND':
      return unknown('/visitId', 'visit-not-found', 'There is no such visit of this patient.');
    default:
      throw new Error(`appointment.record_imaging answered ${row?.result}.`);
  }
}

const CONFLICT: Outcome = {
  kind: 'rejected',
  code: 'CLINIC_AUTHORITATIVE',
  errors: [{ pointer: '/sopInstanceUid', code: 'clinic-authoritative', detail: 'Known with other content.' }],
};
const unknown = (pointer: string, code: string, detail: string): Outcome => ({
  kind: 'rejected',
  code: 'NOT_FOUND',
  errors: [{ pointer, code, detail }],
});

async function demandAllowedHost(tx: Tx, integrationId: string, host: string): Promise<void> {
  const [row] = await tx.execute<{ allowed: boolean }>(
    sql`select appointment.image_host_allowed(${integrationId}, ${host}) as allowed`,
  );
  if (row?.allowed === true) return;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [
      { pointer: '/uri', code: 'host-not-allowed', detail: 'The clinic has not approved this host for your images.' },
    ],
  });
}

async function hasMetadata(tx: Tx, id: string, { metadata }: AddImagingReference): Promise<boolean> {
  const [row] = await tx
    .select({ same: sql<boolean>`${imagingMetadata.metadata} = ${JSON.stringify(metadata)}::text::jsonb` })
    .from(imagingMetadata)
    .where(eq(imagingMetadata.imagingId, id));
  return row?.same ?? Object.keys(metadata).length === 0;
}

async function audited(tx: Tx, ctx: Context, outcome: Outcome, replayed: boolean): Promise<void> {
  await recordAudit(tx, ctx, {
    ...STEP,
    entityId: outcome.kind === 'recorded' ? outcome.id : null,
    result: replayed ? 'REPLAY' : outcome.kind === 'recorded' ? 'OK' : 'REJECTED',
    ...(outcome.kind === 'recorded' ? {} : { errorMessage: outcome.code }),
  });
}
