import { type AuditEntry, recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { auditingRefusals } from './audit-refusals.ts';

/** A manager's step in one transaction with its audit row. `repeated`: it had been taken before and changed nothing. */
export function managerStep<Result>(
  ctx: Context,
  step: Pick<AuditEntry, 'action' | 'entity'> & { readonly entityId: string },
  work: (tx: Tx) => Promise<{ readonly result: Result; readonly repeated?: boolean; readonly integrationId?: string }>,
): Promise<Result> {
  return auditingRefusals(ctx, step, () => {
    if (ctx.caller.kind !== 'user' || ctx.caller.role !== 'MANAGER') throw new DomainError('FORBIDDEN');
    return ctx.db.transaction(async (tx) => {
      const { result, repeated = false, integrationId = null } = await work(tx);
      await recordAudit(tx, ctx, { ...step, integrationId, result: repeated ? 'REPLAY' : 'OK' });
      return result;
    });
  });
}
