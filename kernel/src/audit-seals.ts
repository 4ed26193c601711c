import { type SQL, sql } from 'drizzle-orm';
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
  'unsealed for more than 5 s': 'UNSEALED',
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
  /** False when the time ran out first: go on after `verifiedPosition`. */
  readonly complete: boolean;
  /** The newest seal; null while nothing is sealed. */
  readonly head: AuditHead | null;
  /** The first ones, in the order of the chain. */
  readonly faults: readonly AuditFault[];
  /** Entries that have waited for their seal longer than five seconds: the sealer does not run. */
  readonly unsealedCount: number;
}

export interface VerifyAuditOptions {
  /** Heads that were kept outside the database: they show a tail that was cut off. */
  readonly keptHeads?: readonly AuditHead[];
  /** Begins behind this place, which an earlier verification has reached. */
  readonly afterPosition?: number;
  /** Stops between two pieces when so much time is over; a piece takes a fraction of a second. */
  readonly withinMs?: number;
}

const MAX_FAULTS = 20;
/** Seals in one statement: about half a second on a slow machine, a tenth of the shortest statement time-out. */
const PIECE = 10_000;

/**
 * Recomputes the chain piece by piece, then looks for entries in no chain, then for kept heads that it does not hold. Seals
 * are only ever added, so what one piece proved stays proved while the next one is read.
 */
export async function verifyAuditChain(db: Db, options: VerifyAuditOptions = {}): Promise<AuditVerification> {
  const { keptHeads = [], afterPosition = 0, withinMs = Number.POSITIVE_INFINITY } = options;
  const startedAt = performance.now();
  const head = await readAuditHead(db);
  const until = head?.position ?? 0;
  const faults: AuditFault[] = [];
  let reached = Math.min(afterPosition, until);
  while (reached < until && faults.length < MAX_FAULTS) {
    if (performance.now() - startedAt > withinMs) return judge({ head, reached, faults, complete: false });
    const next = Math.min(reached + PIECE, until);
    faults.push(...(await findFaults(db, sql`select * from audit.verify_seals(${reached}, ${next})`)));
    reached = next;
  }
  const unchained = await findFaults(db, sql`select * from audit.verify_unsealed()`);
  const cut = await findFaults(
    db,
    sql`select ${'tail cut off or rewritten'}::text as fault, position as seal_position, null::text as entry_id
      from audit.missing_heads(${JSON.stringify(keptHeads)}::jsonb) as position`,
  );
  const waiting = unchained.filter(({ kind }) => kind === 'UNSEALED');
  faults.push(...unchained.filter(({ kind }) => kind !== 'UNSEALED'), ...cut);
  return { ...judge({ head, reached, faults, complete: true }), unsealedCount: waiting.length };
}

function judge(found: {
  readonly head: AuditHead | null;
  readonly reached: number;
  readonly faults: readonly AuditFault[];
  readonly complete: boolean;
}): AuditVerification {
  const faults = found.faults
    .toSorted((one, other) => (one.position ?? Number.POSITIVE_INFINITY) - (other.position ?? Number.POSITIVE_INFINITY))
    .slice(0, MAX_FAULTS);
  const first = faults[0]?.position ?? found.reached + 1;
  return {
    verifiedPosition: Math.min(found.reached, first - 1),
    complete: found.complete,
    head: found.head,
    faults,
    unsealedCount: 0,
  };
}

async function findFaults(db: Db, query: SQL): Promise<readonly AuditFault[]> {
  const rows = await db.execute<{
    fault: keyof typeof AUDIT_FAULTS;
    seal_position: string | null;
    entry_id: string | null;
  }>(query);
  return rows.map(({ fault, seal_position: position, entry_id: entryId }) => ({
    kind: AUDIT_FAULTS[fault],
    position: position === null ? null : Number(position),
    entryId,
  }));
}

/** How many seconds the oldest entry has waited for its seal; 0 when none waits. */
export async function readLongestWait(db: Db): Promise<number> {
  const [row] = await db.execute<{ seconds: number | null }>(sql`select audit.longest_wait() as seconds`);
  return row?.seconds ?? 0;
}
