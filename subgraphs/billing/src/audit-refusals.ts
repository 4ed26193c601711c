import { type AuditEntry, recordAuditAlone } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';

/** While the first is running, or the database away, nothing was decided. */
const WITHOUT_TRACE: ReadonlySet<ErrorCode> = new Set(['IDEMPOTENCY_IN_PROGRESS', 'TEMPORARILY_UNAVAILABLE']);

/** Runs a write; its refusal, which rolled back whatever was begun, leaves an audit row by itself. */
export async function auditingRefusals<Result>(
  ctx: Context,
  step: Pick<AuditEntry, 'action' | 'entity'> & { readonly entityId?: string },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DomainError && !WITHOUT_TRACE.has(error.code)) {
      const result = error.code === 'FORBIDDEN' ? 'DENIED' : 'REJECTED';
      await recordAuditAlone(ctx, { entityId: null, ...step, result, errorMessage: error.code });
    }
    throw error;
  }
}
