import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { approvals, integrations } from '../tables.ts';
import { lockIntegration } from './find-integrations.ts';
import { demandStatus, findMissingGovernance, type Integration, isSensitive, toIntegration } from './integration.ts';

const SubmitIntegration = z.object({ id: z.string() });

/**
 * Asks for the approval of a draft: one request for the integration, one for each sensitive scope it wants.
 *
 * Throws NOT_FOUND, CONFLICT, and VALIDATION_FAILED naming each governance field that is empty.
 */
export async function submitIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id } = parseInput(SubmitIntegration, args);
  const step = { action: 'integration.submit', entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx, manager) => {
    const draft = await lockIntegration(tx, id);
    demandStatus(draft, ['DRAFT']);
    const errors = findMissingGovernance(draft);
    if (errors.length > 0) {
      throw new DomainError('VALIDATION_FAILED', { detail: 'The integration is not fully described.', errors });
    }
    const asked = {
      integrationKey: draft.key,
      justification: draft.businessJustification ?? '',
      requestedBy: actorOf(manager),
      requestedAt: ctx.now(),
    };
    const scopes = toIntegration(ctx, draft).requestedScopes.filter(isSensitive);
    await tx
      .insert(approvals)
      .values([
        { ...asked, kind: 'INTEGRATION' as const },
        ...scopes.map((scope) => ({ ...asked, kind: 'SCOPE' as const, scope })),
      ]);
    const [row] = await tx
      .update(integrations)
      .set({ status: 'SUBMITTED', submittedBy: asked.requestedBy, submittedAt: asked.requestedAt })
      .where(eq(integrations.key, draft.key))
      .returning();
    return { result: toIntegration(ctx, row ?? draft) };
  });
}
