import { parseArguments, parseIdempotencyKey } from '@bridgework/kernel/arguments';
import { recordAudit } from '@bridgework/kernel/audit';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { beginIdempotentRequest, finishIdempotentRequest } from '@bridgework/kernel/idempotency';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { auditingRefusals } from '../audit-refusals.ts';
import { type Content, type Figures, makeContent } from './content.ts';
import { dayOf, EXPORT_KINDS, type ExportKind, type ReportExport } from './export.ts';
import { findExport, findExportOf } from './find-exports.ts';
import { renderFiles } from './render-files.ts';

const exportInput = z.strictObject({ kind: z.enum(EXPORT_KINDS), period: z.string().max(10) });

export interface ExportAnswer {
  readonly reportExport: ReportExport;
  /** It was there already: generated once, it is never computed anew. */
  readonly generatedEarlier: boolean;
  readonly replayed: boolean;
}

type Outcome = Pick<ExportAnswer, 'generatedEarlier'> & { readonly id: string };
const STEP = { action: 'export.generate', entity: 'export' } as const;

/**
 * Generates the export of a closed period, once for ever: whoever asks again, under whatever key, gets the first one. A
 * partner asks for it as a manager does.
 *
 * @throws DomainError VALIDATION_FAILED, PERIOD_OPEN while something may still be booked into the period,
 *   IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS.
 * @see docs/rules.md#accounting-exports
 */
export function generateExport(ctx: Context, given: unknown, idempotencyKey: string): Promise<ExportAnswer> {
  return auditingRefusals(ctx, STEP, async () => {
    const key = parseIdempotencyKey(idempotencyKey);
    const { kind, period } = parseArguments(exportInput, given);
    const day = dayOf(kind, period);
    const known = await findExportOf(ctx.db, kind, day);
    // Rendered before the transaction: it must not stand still while a page is drawn.
    const prepared = known === null ? await prepareOnce(ctx.db, kind, day) : null;
    const { outcome, replayed } = await ctx.db.transaction(async (tx) => {
      const request = await beginIdempotentRequest<Outcome>(tx, ctx, {
        operation: 'generateReportExport',
        key,
        input: { kind, period },
      });
      if (request.kind === 'replay') {
        await recordAudit(tx, ctx, { ...STEP, entityId: request.outcome.id, result: 'REPLAY' });
        return { outcome: request.outcome, replayed: true };
      }
      const recorded = await record(tx, ctx, { kind, day, prepared, known });
      await finishIdempotentRequest(tx, request.begun, recorded);
      return { outcome: recorded, replayed: false };
    });
    const reportExport = await findExport(ctx.db, outcome.id);
    if (reportExport === null) throw new Error(`${outcome.id} was recorded and is not there.`);
    return { reportExport, generatedEarlier: outcome.generatedEarlier, replayed };
  });
}

interface Prepared {
  readonly content: Content;
  /** By format, base64. */
  readonly files: Readonly<Record<string, string>>;
}

const preparing = new WeakMap<Db, Map<string, Promise<Prepared>>>();

/** Who asks for the same at the same time shares the drawing of it: whoever records it waits for no other's page. */
function prepareOnce(db: Db, kind: ExportKind, day: string): Promise<Prepared> {
  const ofDatabase = preparing.get(db) ?? new Map<string, Promise<Prepared>>();
  preparing.set(db, ofDatabase);
  const key = `${kind} ${day}`;
  const shared = ofDatabase.get(key) ?? prepare(db, kind, day).finally(() => ofDatabase.delete(key));
  ofDatabase.set(key, shared);
  return shared;
}

async function prepare(db: Db, kind: ExportKind, day: string): Promise<Prepared> {
  const content = makeContent(kind, day, await compute(db, kind, day));
  const files = Object.entries(await renderFiles(content));
  return { content, files: Object.fromEntries(files.map(([format, bytes]) => [format, bytes.toString('base64')])) };
}

interface Wanted {
  readonly kind: ExportKind;
  readonly day: string;
  readonly prepared: Prepared | null;
  readonly known: ReportExport | null;
}

async function record(tx: Tx, ctx: Context, { kind, day, prepared, known }: Wanted): Promise<Outcome> {
  if (known !== null) return replayOf(tx, ctx, known);
  if (prepared === null) throw new Error('Nothing was prepared.');
  await tx.execute(sql`select billing.hold_business_days()`);
  // Somebody else may have been first while we waited; then there is nothing to compute, and whoever waits behind us waits less.
  const earlier = await findExportOf(tx, kind, day);
  if (earlier !== null) return replayOf(tx, ctx, earlier);
  const now = makeContent(kind, day, await compute(tx, kind, day));
  // Between the two looks a payment may have opened a day that nobody had touched before.
  if (now.text !== prepared.content.text) throw new DomainError('TEMPORARILY_UNAVAILABLE', { retryAfterSeconds: 1 });
  const integrationId = ctx.caller.kind === 'integration' ? ctx.caller.integrationId : null;
  const [row] = await tx.execute<{ id: string; fresh: boolean }>(sql`
    select export_id as id, fresh from billing.record_export(${kind}, ${day}::date, ${prepared.content.text},
      ${JSON.stringify(prepared.files)}::text::jsonb, ${actorOf(ctx.caller)}, ${integrationId}, ${ctx.requestId})`);
  if (row === undefined) throw new Error('billing.record_export answered nothing.');
  if (!row.fresh) await recordAudit(tx, ctx, { ...STEP, entityId: row.id, result: 'REPLAY' });
  return { id: row.id, generatedEarlier: !row.fresh };
}

async function replayOf(tx: Tx, ctx: Context, { id }: ReportExport): Promise<Outcome> {
  await recordAudit(tx, ctx, { ...STEP, entityId: id, result: 'REPLAY' });
  return { id, generatedEarlier: true };
}

/** @throws DomainError PERIOD_OPEN */
export async function compute(db: Db | Tx, kind: ExportKind, day: string): Promise<Figures> {
  const [row] = await db
    .execute<{ figures: Figures }>(sql`select billing.compute_export(${kind}, ${day}::date) as figures`)
    .catch((error: unknown) => {
      throw isPeriodOpen(error) ? new DomainError('PERIOD_OPEN') : error;
    });
  if (row === undefined) throw new Error('billing.compute_export answered nothing.');
  return row.figures;
}

/** `billing.require_closed_period` says so by a state of its own; drizzle wraps the driver's error. */
function isPeriodOpen(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'BW009') return true;
  }
  return false;
}
