import { type AuditEntry, recordAuditAlone } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';

/** A refusal that its own transaction has written down already. */
export class AuditedRefusal extends DomainError {}

/** While the first is running, or the database away, nothing was decided. */
const WITHOUT_TRACE: ReadonlySet<ErrorCode> = new Set(['IDEMPOTENCY_IN_PROGRESS', 'TEMPORARILY_UNAVAILABLE']);

/** Runs an external write; a refusal that has no transaction of its own leaves an audit row by itself. */
export async function auditingRefusals<Result>(
  ctx: Context,
  step: Pick<AuditEntry, 'action' | 'entity'>,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DomainError && !(error instanceof AuditedRefusal) && !WITHOUT_TRACE.has(error.code)) {
      await recordAuditAlone(ctx, { ...step, entityId: null, result: 'REJECTED', errorMessage: error.code });
    }
    throw error;
  }
}
