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

/** What can be wrong with the log; the words of `audit.verify` in the database. */
export const AUDIT_FAULTS = {
  'seal missing': 'SEAL_MISSING',
  'entry deleted': 'ENTRY_DELETED',
  'entry or seal edited': 'ENTRY_OR_SEAL_EDITED',
  'chain broken': 'CHAIN_BROKEN',
  'seal of entry missing': 'ENTRY_WITHOUT_SEAL',
  'tail cut off or rewritten': 'TAIL_CUT_OFF',
} as const;
export type AuditFaultKind = (typeof AUDIT_FAULTS)[keyof typeof AUDIT_FAULTS];

export interface AuditFault {
  readonly kind: AuditFaultKind;
  /** Place in the chain; null for an entry that is in no place. */
  readonly position: number | null;
  /** Public id, as far as the entry is still there. */
  readonly entryId: string | null;
}

export interface AuditVerification {
  /** Up to here the chain holds. */
  readonly verifiedPosition: number;
  /** The newest seal; null while nothing is sealed. */
  readonly head: AuditHead | null;
  /** The first ones, in the order of the chain. */
  readonly faults: readonly AuditFault[];
  /** Entries that have waited for their seal longer than five seconds: the sealer does not run. */
  readonly unsealedCount: number;
}

const MAX_FAULTS = 20;
const UNSEALED = 'unsealed for more than 5 s';

/**
 * Recomputes the chain from its first seal and compares it with heads that were kept outside the database, which is what
 * shows a tail that was cut off. One statement, hence one state of the log.
 */
export async function verifyAuditChain(db: Db, keptHeads: readonly AuditHead[] = []): Promise<AuditVerification> {
  const [row] = await db.execute<{
    head_position: string | null;
    head_hash: string | null;
    unsealed: number;
    faults: { fault: keyof typeof AUDIT_FAULTS; position: number | null; entry: string | null }[];
  }>(sql`
    with found as materialized (
      select fault, seal_position, entry_id from audit.verify()
    ), broken as (
      select fault, seal_position, entry_id from found where fault <> ${UNSEALED}
      union all
      select 'tail cut off or rewritten', position, null
        from audit.missing_heads(${JSON.stringify(keptHeads)}::jsonb) as position
      order by seal_position nulls last, fault limit ${MAX_FAULTS}
    )
    select head.seal_position as head_position, encode(head.hash, 'hex') as head_hash,
      (select count(*)::integer from found where fault = ${UNSEALED}) as unsealed,
      (select coalesce(jsonb_agg(jsonb_build_object('fault', fault, 'position', seal_position, 'entry', entry_id)
        order by seal_position nulls last, fault), '[]') from broken) as faults
    from audit.head() as head`);
  if (row === undefined) throw new Error('audit.verify answered nothing.');
  const faults = row.faults.map(({ fault, position, entry }) => ({
    kind: AUDIT_FAULTS[fault],
    position,
    entryId: entry,
  }));
  const headPosition = Number(row.head_position ?? 0);
  return {
    verifiedPosition: Math.min(headPosition, (faults[0]?.position ?? headPosition + 1) - 1),
    head: row.head_hash === null ? null : { position: headPosition, hash: row.head_hash },
    faults,
    unsealedCount: row.unsealed,
  };
}
