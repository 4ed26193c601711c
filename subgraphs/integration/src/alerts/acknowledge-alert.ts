import { actorOf, type Context } from '@bridgework/kernel/context';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { alerts } from '../tables.ts';
import { type Alert, lockAlert } from './find-alerts.ts';

const AcknowledgeAlert = z.object({ id: z.string() });

/** Says that a manager has seen an alert. One that was acknowledged stays as it is. Throws NOT_FOUND. */
export async function acknowledgeAlert(ctx: Context, args: unknown): Promise<Alert> {
  const { id } = parseInput(AcknowledgeAlert, args);
  const step = { action: 'alert.acknowledge', entity: 'alert', entityId: id };
  return managerStep(ctx, step, async (tx, manager, concerns) => {
    const alert = await lockAlert(tx, id);
    const integrationId = alert.entity === 'integration' ? (alert.entityId.split(' ')[0] ?? null) : null;
    if (integrationId !== null) concerns(integrationId);
    if (alert.acknowledgedAt !== null) return { result: alert, integrationId };
    const seen = { acknowledgedAt: ctx.now(), acknowledgedBy: actorOf(manager) };
    await tx.update(alerts).set(seen).where(eq(alerts.id, id));
    return { result: { ...alert, ...seen }, integrationId };
  });
}
