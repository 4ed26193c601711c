import { type AuditFault, verifyAuditChain } from '@bridgework/kernel/audit-seals';
import type { Context } from '@bridgework/kernel/context';
import { z } from 'zod';
import { parseInput } from '../input.ts';

/** What a manager is told of the log, as the graph shows it. */
export interface AuditLogVerification {
  readonly intact: boolean;
  readonly isComplete: boolean;
  readonly verifiedPosition: number;
  readonly headHash: string | null;
  readonly firstFault: AuditFault | null;
  readonly unsealedCount: number;
}

/** A request has five seconds; whoever asks goes on where this one stopped. */
const WITHIN_MS = 2_500;

const Input = z.strictObject({ afterPosition: z.int().min(0).optional() });

/**
 * Recomputes the chain of the audit log inside the database, from the place an earlier call has reached. The heads outside
 * of it are compared by `npm run audit:verify`, where they are kept.
 *
 * @see docs/operator-guide.md#the-audit-log
 */
export async function verifyAuditLog(ctx: Context, args: unknown): Promise<AuditLogVerification> {
  const { afterPosition = 0 } = parseInput(Input, args);
  const found = await verifyAuditChain(ctx.db, { afterPosition, withinMs: WITHIN_MS });
  return {
    intact: found.complete && found.faults.length === 0 && found.unsealedCount === 0,
    isComplete: found.complete,
    verifiedPosition: found.verifiedPosition,
    headHash: found.head?.hash ?? null,
    firstFault: found.faults[0] ?? null,
    unsealedCount: found.unsealedCount,
  };
}
