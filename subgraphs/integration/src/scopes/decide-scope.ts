import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Approval, approvalById, lockApproval } from '../approvals/find-approvals.ts';
import { demandDecider } from '../decision.ts';
import { parseInput, reason } from '../input.ts';
import { lockIntegrationByKey } from '../integrations/find-integrations.ts';
import { demandStatus, type IntegrationRow } from '../integrations/integration.ts';
import { managerStep } from '../manager-step.ts';
import { approvals, integrations } from '../tables.ts';

const ApproveScope = z.object({ id: z.string(), note: reason.optional() });
const RejectScope = z.object({ id: z.string(), reason });

/**
 * Grants a scope that another person asked for, from now on; tokens that carry it are issued anew.
 *
 * Throws NOT_FOUND, CONFLICT, and FORBIDDEN for whoever asked.
 */
export async function approveScope(ctx: Context, args: unknown): Promise<Approval> {
  const { id, note } = parseInput(ApproveScope, args);
  return decide(ctx, id, 'scope.approve', (approval, integration) => {
    demandStatus(integration, ['ACTIVE', 'PAUSED']);
    if (approval.expiresAt !== null && approval.expiresAt <= ctx.now()) {
      throw new DomainError('CONFLICT', { detail: 'What was asked for has ended already; ask again.' });
    }
    const asked = { by: [approval.requestedBy], at: approval.requestedAt };
    const singleManager = demandDecider(ctx, asked, note);
    return { change: { status: 'APPROVED', decisionReason: note ?? null, singleManager }, grants: true };
  });
}

/** Refuses a scope that another person asked for; whoever asked withdraws. Throws as {@link approveScope}. */
export async function rejectScope(ctx: Context, args: unknown): Promise<Approval> {
  const { id, reason } = parseInput(RejectScope, args);
  return decide(ctx, id, 'scope.reject', (approval) => {
    if (approval.requestedBy === actorOf(ctx.caller)) {
      throw new DomainError('FORBIDDEN', { detail: 'Your own request you withdraw; another manager rejects it.' });
    }
    return { change: { status: 'REJECTED', decisionReason: reason }, grants: false };
  });
}

interface Verdict {
  readonly change: Partial<typeof approvals.$inferInsert>;
  readonly grants: boolean;
}

async function decide(
  ctx: Context,
  id: string,
  action: string,
  judge: (approval: Approval, integration: IntegrationRow) => Verdict,
): Promise<Approval> {
  const step = { action, entity: 'approval', entityId: id };
  return managerStep(ctx, step, async (tx, manager, concerns) => {
    // Integration before approval: everybody locks in this order. Of two decisions at once the second waits here.
    const { integrationKey } = await approvalById(tx, id);
    const integration = await lockIntegrationByKey(tx, integrationKey);
    concerns(integration.id);
    const approval = await lockApproval(tx, id);
    if (approval.kind !== 'SCOPE' || approval.scope === null) throw new DomainError('NOT_FOUND');
    if (integration.status === 'SUBMITTED') {
      throw new DomainError('CONFLICT', { detail: 'This scope is decided together with its integration.' });
    }
    if (approval.status !== 'PENDING') {
      throw new DomainError('CONFLICT', { detail: `The request is ${approval.status}; this needs PENDING.` });
    }
    const { change, grants } = judge(approval, integration);
    await tx
      .update(approvals)
      .set({ ...change, decidedBy: actorOf(manager), decidedAt: ctx.now() })
      .where(eq(approvals.id, id));
    if (grants && !integration.approvedScopes.includes(approval.scope)) {
      const approvedScopes = [...integration.approvedScopes, approval.scope];
      await tx.update(integrations).set({ approvedScopes }).where(eq(integrations.key, integration.key));
    }
    return { result: await approvalById(tx, id), integrationId: integration.id };
  });
}
