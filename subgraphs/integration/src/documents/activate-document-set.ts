import { setTimeout } from 'node:timers/promises';
import { raiseAlert } from '@bridgework/kernel/alerts';
import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { findBreaks, type Scope } from '@bridgework/schema';
import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { currentGraph } from '../graph.ts';
import { parseInput } from '../input.ts';
import { documentSets, documents } from '../tables.ts';
import { decideOn } from './decide-document-set.ts';
import { type DocumentSet, type DocumentSetRow, readAnalysis } from './document-set.ts';
import { findForbidden } from './examine-manifest.ts';
import { documentSetById } from './find-documents.ts';

const ActivateDocumentSet = z.object({ id: z.string() });

/** Long enough for a gateway that is there, short enough for a subgraph call of two seconds. */
const WAIT_MS = 700;
const LOOK_EVERY_MS = 40;

/**
 * Asks the gateways to make the documents of an approved set ready, and waits a moment: once one of them has compiled them
 * all they are ACTIVE, beside those of earlier sets. Until then, and when one cannot be compiled, the set stays APPROVED;
 * a failure raises an alert. Asking again begins anew.
 *
 * Throws NOT_FOUND, CONFLICT when the set is not APPROVED or no longer what was approved.
 */
export async function activateDocumentSet(ctx: Context, args: unknown): Promise<DocumentSet> {
  const { id } = parseInput(ActivateDocumentSet, args);
  const asked = await decideOn(ctx, id, 'document_set.activate', 'APPROVED', async (tx, actor, set, integration) => {
    await demandAsApproved(tx, set, integration.approvedScopes as Scope[]);
    const request = { activationRequestedBy: actor, activationRequestedAt: ctx.now() };
    if (!(await forgetCompiled(tx, set))) return { status: 'APPROVED', ...request };
    await recordAudit(tx, ctx, { ...grant(set, integration.id), result: 'OK' });
    return { status: 'ACTIVE', ...request, activatedBy: actor, activatedAt: ctx.now() };
  });
  return (await untilDecided(ctx, id)) ?? asked;
}

/** What was approved is what is activated, whatever has become of the graph and the scopes meanwhile. */
async function demandAsApproved(tx: Tx, { key }: DocumentSetRow, approvedScopes: readonly Scope[]): Promise<void> {
  const rows = await tx
    .select({ name: documents.name, text: documents.text, analysis: documents.analysis })
    .from(documents)
    .where(eq(documents.documentSetKey, key));
  const faults = rows.flatMap(({ name, text, analysis }) => {
    const approved = readAnalysis({ analysis });
    const breaks = findBreaks(currentGraph(), text, approved).map((sentence) => `${name}: ${sentence}`);
    return [...findForbidden(approved, approvedScopes), ...breaks];
  });
  if (faults.length > 0) {
    throw new DomainError('CONFLICT', {
      detail: `It is no longer what was approved; register it anew. ${faults.slice(0, 5).join(' ')}`,
    });
  }
}

/**
 * A text that another set of the integration has running is compiled already, and no gateway would report it again; nor one
 * that was reported since this set was asked for. True when that holds for all of them.
 */
async function forgetCompiled(
  tx: Tx,
  { key, integrationKey, activationRequestedAt }: DocumentSetRow,
): Promise<boolean> {
  const reported = activationRequestedAt === null ? sql`null` : sql`waiting.compiled_at`;
  const rows = await tx.execute<{ isCompiled: boolean }>(sql`
    update integration.documents as waiting set compile_error = null, compiled_at = coalesce(${reported}, (
      select max(running.compiled_at) from integration.documents as running
      where running.integration_key = ${integrationKey} and running.hash = waiting.hash
        and running.status in ('ACTIVE', 'DEPRECATED') and running.compile_error is null))
    where waiting.document_set_key = ${key}
    returning compiled_at is not null as "isCompiled"`);
  return rows.every(({ isCompiled }) => isCompiled);
}

const grant = ({ id }: Pick<DocumentSetRow, 'id'>, integrationId: string) => ({
  action: 'document_set.grant_activation',
  entity: 'document_set',
  entityId: id,
  integrationId,
});

async function untilDecided(ctx: Context, id: string): Promise<DocumentSet | undefined> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const set = await documentSetById(ctx.db, id);
    if (set.status !== 'APPROVED' || set.activationRequestedAt === null) return set;
    if (performance.now() > deadline) return set;
    await setTimeout(LOOK_EVERY_MS);
  }
}

/**
 * Goes on with the activation of a set, which the caller has locked, by what gateways have reported of its documents:
 * ACTIVE when all are compiled, no longer asked for when one cannot be.
 */
export async function continueActivation(
  tx: Tx,
  ctx: Context,
  set: DocumentSetRow,
  integrationId: string,
): Promise<void> {
  const rows = await tx
    .select({ name: documents.name, compiledAt: documents.compiledAt, compileError: documents.compileError })
    .from(documents)
    .where(eq(documents.documentSetKey, set.key));
  const failed = rows.find(({ compileError }) => compileError !== null);
  const entry = grant(set, integrationId);
  if (failed !== undefined) {
    const detail = `${failed.name} of ${set.id} could not be compiled and was not activated: ${failed.compileError}`;
    await tx
      .update(documentSets)
      .set({ activationRequestedBy: null, activationRequestedAt: null })
      .where(eq(documentSets.key, set.key));
    await raiseAlert(tx, {
      kind: 'document_set.not_activated',
      entity: 'document_set',
      entityId: set.id,
      detail,
      windowSeconds: 60,
    });
    await recordAudit(tx, ctx, { ...entry, result: 'FAILED', errorMessage: detail });
    return;
  }
  if (rows.some(({ compiledAt }) => compiledAt === null)) return;
  await tx
    .update(documentSets)
    .set({ status: 'ACTIVE', activatedBy: set.activationRequestedBy, activatedAt: ctx.now() })
    .where(eq(documentSets.key, set.key));
  await tx
    .update(documents)
    .set({ status: 'ACTIVE' })
    .where(and(eq(documents.documentSetKey, set.key), eq(documents.status, 'APPROVED')));
  await recordAudit(tx, ctx, { ...entry, result: 'OK' });
}
