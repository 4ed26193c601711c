import { actorOf, type Context } from '@bridgework/kernel/context';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput, prose } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { integrations } from '../tables.ts';
import { lockIntegration } from './find-integrations.ts';
import { demandStatus, type Integration, reviewDayAfter, toIntegration } from './integration.ts';

const CompleteReview = z.object({ id: z.string(), note: prose(4_000) });

/** Who pauses an integration whose review was not done; as `integration.check_reviews` writes it. */
const BY_REVIEW = 'system reviews.check';

/**
 * Records that an integration was reviewed; the next review is due its interval from today. One that was paused because
 * this review was missing goes on. Sensitive scopes keep their own ends: they are asked for again.
 *
 * Throws NOT_FOUND, CONFLICT.
 *
 * @see docs/rules.md#approval-process
 */
export async function completeIntegrationReview(ctx: Context, args: unknown): Promise<Integration> {
  const { id, note } = parseInput(CompleteReview, args);
  const step = { action: 'integration.review', entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx, manager) => {
    const before = await lockIntegration(tx, id);
    demandStatus(before, ['ACTIVE', 'PAUSED']);
    const goesOn = before.status === 'PAUSED' && before.pausedBy === BY_REVIEW;
    const [row] = await tx
      .update(integrations)
      .set({
        reviewDueOn: reviewDayAfter(ctx.now(), before.reviewEveryMonths ?? 1),
        reviewedBy: actorOf(manager),
        reviewedAt: ctx.now(),
        reviewNote: note,
        ...(goesOn ? { status: 'ACTIVE' as const, pauseReason: null, pausedBy: null } : {}),
      })
      .where(eq(integrations.key, before.key))
      .returning();
    return { result: toIntegration(ctx, row ?? before) };
  });
}
