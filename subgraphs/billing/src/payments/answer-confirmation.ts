import { recordAuditAlone } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import { confirmPayment } from './confirm-payment.ts';
import { parseConfirmation, parseIdempotencyKey } from './parse-confirmation.ts';
import type { Receipt, Rejected } from './receipt.ts';

/**
 * A confirmation as it comes from outside: parsed, carried out, answered with a receipt or refused.
 *
 * @throws DomainError VALIDATION_FAILED, SENSITIVE_DATA, IDEMPOTENCY_KEY_MISSING, IDEMPOTENCY_KEY_REUSED,
 *   IDEMPOTENCY_IN_PROGRESS, and after its commit every refusal of the decision table.
 */
export async function answerConfirmation(
  ctx: Context,
  input: unknown,
  idempotencyKey: string,
): Promise<Receipt & { readonly replayed: boolean }> {
  const { outcome, replayed } = await auditingRefusals(ctx, () =>
    confirmPayment(ctx, parseConfirmation(input), parseIdempotencyKey(idempotencyKey)),
  );
  if (outcome.kind === 'recorded') return { ...outcome.receipt, replayed };
  throw refusalOf(outcome, replayed);
}

function refusalOf({ code, balance }: Rejected, replayed: boolean): DomainError {
  return new DomainError(code, {
    ...(balance === null ? {} : { members: { balance_minor: balance.amountMinor, currency: balance.currency } }),
    ...(replayed ? { replayed } : {}),
  });
}

/** Refusals that have no transaction of their own: rows 4, 5 and 8. A key that is still in use leaves no trace (row 7). */
const AUDITED: ReadonlySet<ErrorCode> = new Set([
  'VALIDATION_FAILED',
  'SENSITIVE_DATA',
  'IDEMPOTENCY_KEY_MISSING',
  'IDEMPOTENCY_KEY_REUSED',
  'INSUFFICIENT_SCOPE',
]);

async function auditingRefusals<Result>(ctx: Context, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DomainError && AUDITED.has(error.code)) {
      await recordAuditAlone(ctx, {
        action: 'payment.confirm',
        entity: 'terminal_confirmation',
        entityId: null,
        result: 'REJECTED',
        errorMessage: error.code,
      });
    }
    throw error;
  }
}
