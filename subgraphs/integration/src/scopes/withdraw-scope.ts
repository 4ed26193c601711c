import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { SCOPE_NAMES, type Scope } from '@bridgework/schema';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput, reason } from '../input.ts';
import { lockIntegration } from '../integrations/find-integrations.ts';
import { demandStatus, type Integration, toIntegration } from '../integrations/integration.ts';
import { managerStep } from '../manager-step.ts';
import { approvals, integrations } from '../tables.ts';

const WithdrawScope = z.object({
  integrationId: z.string(),
  scope: z.enum(SCOPE_NAMES as [Scope, ...Scope[]]),
  reason,
});

/**
 * Takes a scope from an integration, and what is asked for it: its tokens lose it within a second, whatever they were
 * issued with, and deliveries that need it end. Any manager may; it only narrows.
 *
 * Throws NOT_FOUND, and CONFLICT when the scope is neither granted nor asked for.
 */
export async function withdrawScope(ctx: Context, args: unknown): Promise<Integration> {
  const { integrationId, scope, reason } = parseInput(WithdrawScope, args);
  const step = { action: 'scope.withdraw', entity: 'scope', entityId: scope, integrationId };
  return managerStep(ctx, step, async (tx, manager) => {
    const integration = await lockIntegration(tx, integrationId);
    demandStatus(integration, ['ACTIVE', 'PAUSED']);
    const ofScope = and(eq(approvals.integrationKey, integration.key), eq(approvals.scope, scope));
    const withdrawal = { status: 'WITHDRAWN' as const, withdrawnBy: actorOf(manager), withdrawnReason: reason };
    const decided = { decidedBy: withdrawal.withdrawnBy, decidedAt: ctx.now() };
    const open = await tx
      .update(approvals)
      .set({ ...withdrawal, ...decided })
      .where(and(ofScope, eq(approvals.status, 'PENDING')))
      .returning({ id: approvals.id });
    await tx
      .update(approvals)
      .set(withdrawal)
      .where(and(ofScope, eq(approvals.status, 'APPROVED')));
    if (open.length === 0 && !integration.approvedScopes.includes(scope)) {
      throw new DomainError('CONFLICT', { detail: `${scope} is neither granted nor asked for.` });
    }
    const approvedScopes = integration.approvedScopes.filter((granted) => granted !== scope);
    const [row] = await tx
      .update(integrations)
      .set({ approvedScopes })
      .where(eq(integrations.key, integration.key))
      .returning();
    return { result: toIntegration(ctx, row ?? integration) };
  });
}
