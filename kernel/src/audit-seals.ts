import { sql } from 'drizzle-orm';
import type { Db } from './database.ts';

/** The newest seal of the audit log: whoever knows it later notices a tail that was cut off. */
export interface AuditHead {
  readonly position: number;
  /** Hex SHA-256 over the previous seal and the entry. */
  readonly hash: string;
}

/**
 * Chains entries that are not sealed yet, oldest first. One process at a time does so; others return at once with 0.
 * Returns how many it sealed.
 */
export async function sealAuditEntries(db: Db, atMost: number): Promise<number> {
  const [row] = await db.execute<{ sealed: number }>(sql`select audit.seal(${atMost}::integer) as sealed`);
  return row?.sealed ?? 0;
}

/** Null while nothing is sealed. */
export async function readAuditHead(db: Db): Promise<AuditHead | null> {
  const [row] = await db.execute<{ seal_position: string | null; hash: string | null }>(
    sql`select seal_position, encode(hash, 'hex') as hash from audit.head()`,
  );
  if (row === undefined || row.seal_position === null || row.hash === null) return null;
  return { position: Number(row.seal_position), hash: row.hash };
}
