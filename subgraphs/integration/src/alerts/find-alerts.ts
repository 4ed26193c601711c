import { idArgument } from '@bridgework/kernel/arguments';
import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { and, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { alerts } from '../tables.ts';

/** Something a manager must hear, as the graph shows it. */
export interface Alert {
  readonly id: string;
  readonly kind: string;
  readonly entity: string;
  readonly entityId: string;
  readonly detail: string;
  readonly raisedAt: Date;
  readonly notifiedAt: Date | null;
  readonly acknowledgedAt: Date | null;
  readonly acknowledgedBy: string | null;
}

const columns = {
  id: alerts.id,
  kind: alerts.kind,
  entity: alerts.entity,
  entityId: alerts.entityId,
  detail: alerts.detail,
  raisedAt: alerts.raisedAt,
  notifiedAt: alerts.notifiedAt,
  acknowledgedAt: alerts.acknowledgedAt,
  acknowledgedBy: alerts.acknowledgedBy,
};

const FindAlerts = z.object({
  filter: z
    .strictObject({
      kind: z.string().optional(),
      entity: z.string().optional(),
      entityId: idArgument.optional(),
      acknowledged: z.boolean().optional(),
    })
    .default({}),
  first: z.int(),
  after: z.string().optional(),
});

/** Alerts, newest first. */
export async function findAlerts(ctx: Context, args: unknown): Promise<Connection<Alert>> {
  const { filter, first, after } = parseInput(FindAlerts, args);
  const position = decodeInstantCursor(after);
  const found = await ctx.db
    .select(columns)
    .from(alerts)
    .where(
      and(
        filter.kind === undefined ? undefined : eq(alerts.kind, filter.kind),
        filter.entity === undefined ? undefined : eq(alerts.entity, filter.entity),
        filter.entityId === undefined ? undefined : eq(alerts.entityId, filter.entityId),
        filter.acknowledged === undefined
          ? undefined
          : (filter.acknowledged ? isNotNull : isNull)(alerts.acknowledgedAt),
        position
          ? sql`(${alerts.raisedAt}, ${alerts.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(alerts.raisedAt), desc(alerts.id))
    .limit(pageSize(first) + 1);
  return toConnection(found, first, after, ({ raisedAt, id }) => ({ at: raisedAt.toISOString(), id }));
}

/** Throws NOT_FOUND. The row is held for the rest of the transaction. */
export async function lockAlert(tx: Tx, id: string): Promise<Alert> {
  const [row] = await tx.select(columns).from(alerts).where(eq(alerts.id, id)).for('update');
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}
