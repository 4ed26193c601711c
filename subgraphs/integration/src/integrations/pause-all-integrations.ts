import { raiseAlert } from '@bridgework/kernel/alerts';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { describeHealth, type SystemHealth } from '../health/describe-health.ts';
import { parseInput, reason } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { controlState } from '../tables.ts';

const PauseAll = z.object({ reason });

/**
 * The emergency brake: every integration's tokens, documents and deliveries stop within a second, and stay as they are.
 * The managers are alerted. Throws CONFLICT when it is pulled already.
 */
export async function pauseAllIntegrations(ctx: Context, args: unknown): Promise<SystemHealth> {
  const { reason } = parseInput(PauseAll, args);
  const step = { action: 'integration.pause_all', entity: 'system', entityId: null };
  await managerStep(ctx, step, async (tx, manager) => {
    await demandPaused(tx, false);
    await tx
      .update(controlState)
      .set({ allPausedAt: ctx.now(), allPausedReason: reason, allPausedBy: actorOf(manager) });
    await raiseAlert(tx, {
      kind: 'integration.all_paused',
      entity: 'system',
      entityId: 'integrations',
      detail: `All integrations were paused: ${reason}`,
      windowSeconds: 60,
    });
    return { result: undefined };
  });
  return describeHealth(ctx);
}

/** Lets all integrations go on that are not paused themselves. Throws CONFLICT when they are not stopped. */
export async function resumeAllIntegrations(ctx: Context): Promise<SystemHealth> {
  const step = { action: 'integration.resume_all', entity: 'system', entityId: null };
  await managerStep(ctx, step, async (tx) => {
    await demandPaused(tx, true);
    await tx.update(controlState).set({ allPausedAt: null, allPausedReason: null, allPausedBy: null });
    return { result: undefined };
  });
  return describeHealth(ctx);
}

/** Holds the one row, so that of two who pull the brake one is told that it is pulled. */
async function demandPaused(tx: Tx, wanted: boolean): Promise<void> {
  const [state] = await tx.select({ allPausedAt: controlState.allPausedAt }).from(controlState).for('update');
  if ((state?.allPausedAt !== null) === wanted) return;
  throw new DomainError('CONFLICT', {
    detail: wanted ? 'The integrations are not paused.' : 'All integrations are paused already.',
  });
}
