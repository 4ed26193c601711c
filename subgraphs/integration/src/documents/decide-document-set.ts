import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import type { Scope } from '@bridgework/schema';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { demandDecider } from '../decision.ts';
import { currentGraph } from '../graph.ts';
import { parseInput, reason } from '../input.ts';
import { lockIntegrationByKey } from '../integrations/find-integrations.ts';
import type { IntegrationRow } from '../integrations/integration.ts';
import { type Done, managerStep } from '../manager-step.ts';
import { approvals, documentSets, documents } from '../tables.ts';
import {
  type DocumentSet,
  type DocumentSetRow,
  type DocumentStatus,
  readAnalysis,
  toDocumentSet,
} from './document-set.ts';
import { examineManifest, findForbidden } from './examine-manifest.ts';

const ApproveDocumentSet = z.object({ id: z.string(), note: reason.optional() });
const RejectDocumentSet = z.object({ id: z.string(), reason });

/**
 * Approves a set that others submitted, after judging it once more by what is granted now.
 *
 * Throws NOT_FOUND, CONFLICT, and FORBIDDEN for whoever submitted it.
 */
export async function approveDocumentSet(ctx: Context, args: unknown): Promise<DocumentSet> {
  const { id, note } = parseInput(ApproveDocumentSet, args);
  return decideOn(ctx, id, 'document_set.approve', 'PENDING_APPROVAL', async (tx, actor, set, integration) => {
    const singleManager = demandDecider(ctx, { by: set.submittedBy, at: set.registeredAt }, note);
    await demandFit(tx, set, integration);
    const decision = { decidedBy: actor, decidedAt: ctx.now(), decisionReason: note ?? null, singleManager };
    await decideRequest(tx, set, { ...decision, status: 'APPROVED' });
    return { ...decision, status: 'APPROVED' };
  });
}

/** Refuses a set. Throws NOT_FOUND, CONFLICT. */
export async function rejectDocumentSet(ctx: Context, args: unknown): Promise<DocumentSet> {
  const { id, reason } = parseInput(RejectDocumentSet, args);
  return decideOn(ctx, id, 'document_set.reject', 'PENDING_APPROVAL', async (tx, actor, set) => {
    const decision = { decidedBy: actor, decidedAt: ctx.now(), decisionReason: reason };
    await decideRequest(tx, set, { ...decision, status: 'REJECTED' });
    return { ...decision, status: 'REJECTED' };
  });
}

/** What becomes of a set; its documents follow when the status changes. */
type Change = Partial<DocumentSetRow> & { readonly status: DocumentStatus };

/** A manager's step on a set in one state: locked, judged, changed with its documents, audited. */
export async function decideOn(
  ctx: Context,
  id: string,
  action: string,
  from: DocumentStatus,
  judge: (tx: Tx, actor: string, set: DocumentSetRow, integration: IntegrationRow) => Promise<Change>,
): Promise<DocumentSet> {
  return managerStep(
    ctx,
    { action, entity: 'document_set', entityId: id },
    async (tx, manager, concerns): Promise<Done<DocumentSet>> => {
      const [found] = await tx.select().from(documentSets).where(eq(documentSets.id, id));
      if (found === undefined) throw new DomainError('NOT_FOUND');
      // Integration before set: everybody locks in this order.
      const integration = await lockIntegrationByKey(tx, found.integrationKey);
      concerns(integration.id);
      const [set] = await tx.select().from(documentSets).where(eq(documentSets.key, found.key)).for('update');
      if (set?.status !== from) {
        throw new DomainError('CONFLICT', { detail: `The set is ${set?.status ?? 'gone'}; this needs ${from}.` });
      }
      const change = await judge(tx, actorOf(manager), set, integration);
      const [row] = await tx.update(documentSets).set(change).where(eq(documentSets.key, set.key)).returning();
      if (change.status !== from) {
        await tx.update(documents).set({ status: change.status }).where(eq(documents.documentSetKey, set.key));
      }
      return { result: toDocumentSet(row ?? set, integration.id), integrationId: integration.id };
    },
  );
}

/**
 * Examines a set that waits for approval once more, when the graph or the scopes have changed meanwhile: who approves has
 * to see what is so now. Throws CONFLICT when a document no longer fits.
 */
async function demandFit(tx: Tx, set: DocumentSetRow, integration: IntegrationRow): Promise<void> {
  const approvedScopes = integration.approvedScopes as Scope[];
  const rows = await tx
    .select({ key: documents.key, hash: documents.hash, text: documents.text, analysis: documents.analysis })
    .from(documents)
    .where(eq(documents.documentSetKey, set.key));
  const { supergraphSha256 } = currentGraph();
  if (set.supergraphSha256 === supergraphSha256) {
    refuse(rows.flatMap((row) => findForbidden(readAnalysis(row), approvedScopes)));
    return;
  }
  const findings = await examineManifest(
    rows.map(({ hash, text }) => ({ id: hash, text })),
    approvedScopes,
  );
  refuse(findings.flatMap(({ errors }) => errors));
  for (const [at, { key }] of rows.entries()) {
    await tx.update(documents).set({ analysis: findings[at]?.analysis }).where(eq(documents.key, key));
  }
  await tx.update(documentSets).set({ supergraphSha256 }).where(eq(documentSets.key, set.key));
}

function refuse(errors: readonly string[]): void {
  if (errors.length > 0) throw new DomainError('CONFLICT', { detail: errors.join(' ') });
}

async function decideRequest(
  tx: Tx,
  set: DocumentSetRow,
  decision: Pick<
    typeof approvals.$inferInsert,
    'status' | 'decidedBy' | 'decidedAt' | 'decisionReason' | 'singleManager'
  >,
): Promise<void> {
  await tx
    .update(approvals)
    .set(decision)
    .where(and(eq(approvals.documentSetId, set.id), eq(approvals.status, 'PENDING')));
}
