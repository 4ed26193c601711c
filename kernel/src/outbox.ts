import { sql } from 'drizzle-orm';
import type { Tx } from './database.ts';
import type { Id } from './ids.ts';

export interface EmittedEvent {
  readonly type: string;
  readonly entityType: string;
  readonly entityId: string;
  /** The named fields of the event's widest contract (schema/src/events.ts). */
  readonly data: Readonly<Record<string, unknown>>;
  readonly occurredAt: Date;
}

/**
 * Leaves an event in the transaction of its cause. The eight events of the clinic come from triggers; this is for a core
 * with tables of its own. The role needs EXECUTE on `outbox.emit`, which of our logins only core_app has.
 */
export async function emitEvent(tx: Tx, event: EmittedEvent): Promise<Id<'evt'>> {
  const rows = await tx.execute<{ id: Id<'evt'> }>(sql`
    select outbox.emit(${event.type}, ${event.entityType}, ${event.entityId}, ${JSON.stringify(event.data)}::text::jsonb,
      ${event.occurredAt.toISOString()}::timestamptz) as id`);
  const [row] = rows;
  if (row === undefined) throw new Error('outbox.emit answered nothing.');
  return row.id;
}
