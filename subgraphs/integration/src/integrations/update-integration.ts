import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { integrations } from '../tables.ts';
import { lockIntegration } from './find-integrations.ts';
import { demandFreeName, demandStatus, type Integration, toIntegration } from './integration.ts';
import { demandSandbox, integrationFields } from './register-integration.ts';

const UpdateIntegration = z.object({
  id: z.string(),
  input: z.strictObject(integrationFields).partial(),
});

/** What may change after the approval, which these do not widen. */
const OPEN_WHEN_ACTIVE: ReadonlySet<string> = new Set(['riskAssessment', 'internalOwner', 'reviewIntervalMonths']);

/**
 * Changes what is given. Of a draft everything, of an approved integration only its owner, risk assessment and review
 * interval: the rest is what was approved.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT.
 */
export async function updateIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id, input } = parseInput(UpdateIntegration, args);
  demandSandbox(ctx, input.adHoc);
  const step = { action: 'integration.update', entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx, manager) => {
    const before = await lockIntegration(tx, id);
    demandStatus(before, ['DRAFT', 'ACTIVE', 'PAUSED']);
    const closed = Object.keys(input).filter((field) => before.status !== 'DRAFT' && !OPEN_WHEN_ACTIVE.has(field));
    if (closed.length > 0) {
      throw new DomainError('CONFLICT', { detail: `What was approved cannot be changed: ${closed.join(', ')}.` });
    }
    if (input.name !== undefined && input.name !== before.name) await demandFreeName(tx, input.name);
    const { reviewIntervalMonths, ...fields } = input;
    const changes = {
      ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
      ...(reviewIntervalMonths === undefined ? {} : { reviewEveryMonths: reviewIntervalMonths }),
    };
    if (Object.keys(changes).length === 0) return { result: toIntegration(ctx, before) };
    // Who writes in a draft is kept by the database, and does not approve it.
    const edit = { ...changes, editingBy: actorOf(manager) };
    const [row] = await tx.update(integrations).set(edit).where(eq(integrations.key, before.key)).returning();
    return { result: toIntegration(ctx, row ?? before) };
  });
}
