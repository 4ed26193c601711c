import type { Context } from '@bridgework/kernel/context';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput, reason } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { integrations } from '../tables.ts';
import { lockIntegration } from './find-integrations.ts';
import { demandStatus, type Integration, toIntegration } from './integration.ts';

const DeprecateIntegration = z.object({ id: z.string(), reason });

/**
 * Ends an integration for good: the database revokes its tokens in the same transaction, each with its audit row, and
 * withdraws what it still asks for; its deliveries end as unauthorised. Throws NOT_FOUND, CONFLICT.
 */
export async function deprecateIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id, reason } = parseInput(DeprecateIntegration, args);
  const step = { action: 'integration.deprecate', entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx) => {
    const before = await lockIntegration(tx, id);
    demandStatus(before, ['ACTIVE', 'PAUSED']);
    const [row] = await tx
      .update(integrations)
      .set({ status: 'DEPRECATED', endReason: reason, pauseReason: null, pausedBy: null })
      .where(eq(integrations.key, before.key))
      .returning();
    return { result: toIntegration(ctx, row ?? before) };
  });
}
