import { sql } from 'drizzle-orm';
import type { Db, Tx } from './database.ts';

export interface Alert {
  /** `noun.past`, for example `endpoint.failing`. */
  readonly kind: string;
  /** What kind of thing it is about, and which one. */
  readonly entity: string;
  readonly entityId: string;
  /** One or two sentences for a manager: what is wrong and what to do. No personal data; cut after 500 characters. */
  readonly detail: string;
  /** However often it is raised, managers hear it once in so many seconds. Default an hour. */
  readonly windowSeconds?: number;
}

/**
 * Tells the managers, once per kind, thing and window. In a transaction it stands or falls with it.
 *
 * Returns the alert's public id, or null when one already speaks for this window.
 *
 * @see docs/rules.md#failure-handling
 */
export async function raiseAlert(db: Db | Tx, alert: Alert): Promise<string | null> {
  const { kind, entity, entityId, detail, windowSeconds = 3_600 } = alert;
  const [row] = await db.execute<{ id: string | null }>(sql`
    select integration.raise_alert(${kind}, ${entity}, ${entityId}, ${detail}, make_interval(secs => ${windowSeconds})) as id`);
  return row?.id ?? null;
}
