import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { desc, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { integrations, redrives, webhookEndpoints } from '../tables.ts';
import type { Redrive } from './redrive.ts';

const select = (db: Db | Tx) =>
  db
    .select({
      id: redrives.id,
      endpointId: webhookEndpoints.id,
      integrationId: integrations.id,
      eventType: redrives.eventType,
      from: redrives.createdFrom,
      to: redrives.createdTo,
      includeDelivered: redrives.includeDelivered,
      perSecond: redrives.perSecond,
      status: redrives.status,
      matchedCount: redrives.matchedCount,
      replayedCount: redrives.replayedCount,
      requestedBy: redrives.requestedBy,
      createdAt: redrives.createdAt,
      finishedAt: redrives.finishedAt,
    })
    .from(redrives)
    .leftJoin(webhookEndpoints, eq(webhookEndpoints.key, redrives.endpointKey))
    .leftJoin(integrations, eq(integrations.key, redrives.integrationKey));

/** Throws NOT_FOUND. */
export async function redriveById(tx: Tx, id: string): Promise<Redrive> {
  const [row] = await select(tx).where(eq(redrives.id, id));
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

const FindRedrives = z.object({ first: z.int(), after: z.string().optional() });

/** What was sent again, newest first by (createdAt, id). For managers. */
export async function findRedrives(ctx: Context, args: unknown): Promise<Connection<Redrive>> {
  const { first, after } = parseInput(FindRedrives, args);
  const position = decodeInstantCursor(after);
  const rows = await select(ctx.db)
    .where(
      position === null
        ? undefined
        : sql`(${redrives.createdAt}, ${redrives.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`,
    )
    .orderBy(desc(redrives.createdAt), desc(redrives.id))
    .limit(pageSize(first) + 1);
  return toConnection(rows, first, after, ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }));
}

const CancelRedrive = z.object({ id: z.string() });

/** Stops a redrive where it is; what it has sent again stays sent. Throws NOT_FOUND, CONFLICT when it has ended. */
export async function cancelRedrive(ctx: Context, args: unknown): Promise<Redrive> {
  const { id } = parseInput(CancelRedrive, args);
  return managerStep(ctx, { action: 'webhook.cancel_redrive', entity: 'redrive', entityId: id }, async (tx) => {
    const [row] = await tx.select({ status: redrives.status }).from(redrives).where(eq(redrives.id, id)).for('update');
    if (row === undefined) throw new DomainError('NOT_FOUND');
    if (row.status !== 'RUNNING') throw new DomainError('CONFLICT', { detail: `The redrive is ${row.status}.` });
    await tx.update(redrives).set({ status: 'CANCELLED', finishedAt: sql`now()` }).where(eq(redrives.id, id));
    return { result: await redriveById(tx, id) };
  });
}
