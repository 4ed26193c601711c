import type { Context } from '@bridgework/kernel/context';
import { eq } from 'drizzle-orm';
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
  return change(ctx, id, 'integration.pause', 'ACTIVE', { status: 'PAUSED', pauseReason: reason });
}

/** Lets a paused integration go on. Throws NOT_FOUND, CONFLICT. */
export async function resumeIntegration(ctx: Context, args: unknown): Promise<Integration> {
  const { id } = parseInput(ResumeIntegration, args);
  return change(ctx, id, 'integration.resume', 'PAUSED', { status: 'ACTIVE', pauseReason: null });
}

async function change(
  ctx: Context,
  id: string,
  action: string,
  from: IntegrationRow['status'],
  changes: Partial<IntegrationRow>,
): Promise<Integration> {
  const step = { action, entity: 'integration', entityId: id, integrationId: id };
  return managerStep(ctx, step, async (tx) => {
    const before = await lockIntegration(tx, id);
    demandStatus(before, [from]);
    const [row] = await tx.update(integrations).set(changes).where(eq(integrations.key, before.key)).returning();
    return { result: toIntegration(ctx, row ?? before) };
  });
}
