import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { instant, parseInput } from '../input.ts';

/** A line of the audit log, as the graph shows it. */
export interface AuditEntry {
  readonly id: string;
  readonly integrationId: string | null;
  readonly actor: string;
  readonly action: string;
  readonly entity: string;
  readonly entityId: string | null;
  readonly timestamp: Date;
  readonly result: 'OK' | 'DENIED' | 'REJECTED' | 'FAILED' | 'REPLAY';
  readonly errorMessage: string | null;
  readonly requestId: string | null;
  readonly count: number;
}

const FindAuditEntries = z.object({
  filter: z
    .strictObject({
      integrationId: z.string().optional(),
      actor: z.string().optional(),
      action: z.string().optional(),
      entity: z.string().optional(),
      entityId: z.string().optional(),
      result: z.enum(['OK', 'DENIED', 'REJECTED', 'FAILED', 'REPLAY']).optional(),
      requestId: z.string().optional(),
      from: instant.optional(),
      to: instant.optional(),
    })
    .default({}),
  first: z.int(),
  after: z.string().optional(),
});
type Filter = z.output<typeof FindAuditEntries>['filter'];

/**
 * The audit log, newest first.
 *
 * @see docs/rules.md#audit
 */
export async function findAuditEntries(ctx: Context, args: unknown): Promise<Connection<AuditEntry>> {
  const { filter, first, after } = parseInput(FindAuditEntries, args);
  const position = decodeInstantCursor(after);
  const conditions = toConditions(filter);
  if (position !== null) {
    conditions.push(sql`(occurred_at, id) < (${position.at.toISOString()}::timestamptz, ${position.id})`);
  }
  // The log is the shared base's, not one of our tables: we may only read it.
  const rows = await ctx.db.execute<Record<string, unknown>>(sql`
    select id, integration_id, actor, action, entity, entity_id, occurred_at, result, error_message, request_id,
      occurrences
    from audit.entries
    where ${conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)}
    order by occurred_at desc, id desc
    limit ${pageSize(first) + 1}`);
  return toConnection(rows.map(toEntry), first, after, ({ timestamp, id }) => ({ at: timestamp.toISOString(), id }));
}

const COLUMNS = {
  integrationId: sql`integration_id`,
  actor: sql`actor`,
  action: sql`action`,
  entity: sql`entity`,
  entityId: sql`entity_id`,
  result: sql`result`,
  requestId: sql`request_id`,
} as const satisfies Partial<Record<keyof Filter, SQL>>;

function toConditions({ from, to, ...equal }: Filter): SQL[] {
  const conditions = (Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]).flatMap((name) =>
    equal[name] === undefined ? [] : [sql`${COLUMNS[name]} = ${equal[name]}`],
  );
  if (from !== undefined) conditions.push(sql`occurred_at >= ${from.toISOString()}::timestamptz`);
  if (to !== undefined) conditions.push(sql`occurred_at < ${to.toISOString()}::timestamptz`);
  return conditions;
}

function toEntry(row: Record<string, unknown>): AuditEntry {
  return {
    id: String(row.id),
    integrationId: row.integration_id as string | null,
    actor: String(row.actor),
    action: String(row.action),
    entity: String(row.entity),
    entityId: row.entity_id as string | null,
    timestamp: new Date(String(row.occurred_at)),
    result: row.result as AuditEntry['result'],
    errorMessage: row.error_message as string | null,
    requestId: row.request_id as string | null,
    count: Number(row.occurrences),
  };
}
