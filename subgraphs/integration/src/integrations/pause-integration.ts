import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput, reason } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { integrations } from '../tables.ts';
import { lockIntegration } from './find-integrations.ts';
import { demandStatus, type Integration, type IntegrationRow, toIntegration } from './integration.ts';

const PauseIntegration = z.object({ id: z.string(), reason });
const ResumeIntegration = z.object({ id: z.string() });

/** Stops an integration's tokens, documents and deliveries within a second. Throws NOT_FOUND, CONFLICT. */
export async function pauseIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id, reason } = parseInput(PauseIntegration, args);
  return change(ctx, id, 'integration.pause', 'ACTIVE', async () => ({
    status: 'PAUSED',
    pauseReason: reason,
    pausedBy: actorOf(ctx.caller),
  }));
}

/** Lets a paused integration go on. Throws NOT_FOUND, CONFLICT, also while its review is overdue. */
export async function resumeIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id } = parseInput(ResumeIntegration, args);
  return change(ctx, id, 'integration.resume', 'PAUSED', async (tx, before) => {
    await demandReviewed(tx, ctx, before);
    return { status: 'ACTIVE', pauseReason: null, pausedBy: null };
  });
}

async function change(
  ctx: Context,
  id: string,
  action: string,
  from: IntegrationRow['status'],
  judge: (tx: Tx, before: IntegrationRow) => Promise<Partial<IntegrationRow>>,
): Promise<Integration> {
  const step = { action, entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx) => {
    const before = await lockIntegration(tx, id);
    demandStatus(before, [from]);
    const changes = await judge(tx, before);
    const [row] = await tx.update(integrations).set(changes).where(eq(integrations.key, before.key)).returning();
    return { result: toIntegration(ctx, row ?? before) };
  });
}

/** Whoever goes on with a review that is overdue would be stopped again at once. */
async function demandReviewed(tx: Tx, ctx: Context, { reviewDueOn }: IntegrationRow): Promise<void> {
  const today = ctx.now().toISOString().slice(0, 10);
  const [row] = await tx.execute<{ overdue: boolean | null }>(
    sql`select integration.review_is_overdue(${reviewDueOn}::date, ${today}::date) as overdue`,
  );
  if (row?.overdue !== true) return;
  throw new DomainError('CONFLICT', { detail: `Its review was due on ${reviewDueOn}; complete it first.` });
}
