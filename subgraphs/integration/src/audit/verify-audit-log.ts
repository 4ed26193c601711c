import { type AuditFault, verifyAuditChain } from '@bridgework/kernel/audit-seals';
import type { Context } from '@bridgework/kernel/context';

/** What a manager is told of the log, as the graph shows it. */
export interface AuditLogVerification {
  readonly intact: boolean;
  readonly verifiedPosition: number;
  readonly headHash: string | null;
  readonly firstFault: AuditFault | null;
  readonly unsealedCount: number;
}

/**
 * Recomputes the chain of the audit log inside the database. The heads outside of it are compared by
 * `npm run audit:verify`, where they are kept.
 *
 * @see docs/operator-guide.md#the-audit-log
 */
export async function verifyAuditLog(ctx: Context): Promise<AuditLogVerification> {
  const { verifiedPosition, head, faults, unsealedCount } = await verifyAuditChain(ctx.db);
  return {
    intact: faults.length === 0 && unsealedCount === 0,
    verifiedPosition,
    headHash: head?.hash ?? null,
    firstFault: faults[0] ?? null,
    unsealedCount,
  };
}
