import { actorOf, type Context, type UserCaller } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { demandDecider } from '../decision.ts';
import { parseInput, reason } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { approvals, integrations } from '../tables.ts';
import { lockIntegration } from './find-integrations.ts';
import { demandStatus, type Integration, type IntegrationRow, reviewDayAfter, toIntegration } from './integration.ts';

const ApproveIntegration = z.object({ id: z.string(), note: reason.optional() });
const RejectIntegration = z.object({ id: z.string(), reason });

interface Decision {
  readonly status: 'APPROVED' | 'REJECTED';
  readonly reason: string | null;
  readonly expiresAt: Date | null;
  readonly singleManager: boolean;
}

/**
 * Lets an integration work, with the scopes it asked for. Sensitive scopes are granted until its first review; they are
 * then asked for again.
 *
 * Throws NOT_FOUND, CONFLICT, and FORBIDDEN for whoever registered it, wrote in it or submitted it.
 */
export async function approveIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id, note } = parseInput(ApproveIntegration, args);
  return decide(ctx, id, 'integration.approve', async (tx, manager, row) => {
    const asked = { by: [row.createdBy, row.submittedBy, ...row.editedBy], at: row.submittedAt ?? ctx.now() };
    const singleManager = demandDecider(ctx, asked, note);
    const reviewDueOn = reviewDayAfter(ctx.now(), row.reviewEveryMonths ?? 1);
    const expiresAt = new Date(`${reviewDueOn}T23:59:59.999Z`);
    await decideRequests(tx, ctx, manager, row, { status: 'APPROVED', reason: note ?? null, expiresAt, singleManager });
    const decided = { decisionReason: note ?? null, singleManager };
    return { status: 'ACTIVE', approvedScopes: row.requestedScopes, reviewDueOn, ...decided };
  });
}

/** Refuses an integration that was submitted. Throws as {@link approveIntegration}. */
export async function rejectIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id, reason } = parseInput(RejectIntegration, args);
  return decide(ctx, id, 'integration.reject', async (tx, manager, row) => {
    const asked = { by: [row.createdBy, row.submittedBy, ...row.editedBy], at: row.submittedAt ?? ctx.now() };
    const singleManager = demandDecider(ctx, asked, reason);
    await decideRequests(tx, ctx, manager, row, { status: 'REJECTED', reason, expiresAt: null, singleManager });
    return { status: 'REJECTED', decisionReason: reason, singleManager };
  });
}

async function decide(
  ctx: Context,
  id: string,
  action: string,
  judge: (tx: Tx, manager: UserCaller, row: IntegrationRow) => Promise<Partial<IntegrationRow>>,
): Promise<Integration> {
  const step = { action, entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx, manager) => {
    // Of two decisions at once the second waits here, and then meets the status that the first left.
    const submitted = await lockIntegration(tx, id);
    demandStatus(submitted, ['SUBMITTED']);
    const changes = await judge(tx, manager, submitted);
    const [row] = await tx
      .update(integrations)
      .set({ ...changes, decidedBy: actorOf(manager), decidedAt: ctx.now() })
      .where(eq(integrations.key, submitted.key))
      .returning();
    return { result: toIntegration(ctx, row ?? submitted) };
  });
}

async function decideRequests(
  tx: Tx,
  ctx: Context,
  manager: UserCaller,
  row: IntegrationRow,
  { status, reason, expiresAt, singleManager }: Decision,
): Promise<void> {
  const decision = { status, decidedBy: actorOf(manager), decidedAt: ctx.now(), decisionReason: reason, singleManager };
  const pending = and(eq(approvals.integrationKey, row.key), eq(approvals.status, 'PENDING'));
  await tx
    .update(approvals)
    .set({ ...decision, expiresAt })
    .where(and(pending, eq(approvals.kind, 'SCOPE')));
  await tx
    .update(approvals)
    .set(decision)
    .where(and(pending, eq(approvals.kind, 'INTEGRATION')));
}
