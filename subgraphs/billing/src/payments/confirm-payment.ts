import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { beginIdempotentRequest, fingerprintOf, finishIdempotentRequest } from '@bridgework/kernel/idempotency';
import { findConfirmations } from './find-confirmation.ts';
import { lockInvoice } from './lock-invoice.ts';
import { lockNaturalKey } from './lock-natural-key.ts';
import type { ConfirmPayment } from './parse-confirmation.ts';
import { judge, type Refused } from './payment-confirmation.ts';
import { recall } from './recall-confirmation.ts';
import { type ConfirmationOutcome, receiptOf } from './receipt.ts';
import { recordPayment } from './record-payment.ts';
import { recordRefusal, type Terminal } from './record-refusal.ts';

/** What a terminal is answered; `replayed`: this time nothing was judged or recorded. */
export interface ConfirmationAnswer {
  readonly outcome: ConfirmationOutcome;
  readonly replayed: boolean;
}

const OPERATION = 'confirmPayment';

/**
 * Confirms a payment that a terminal has captured: rows 6 to 20 of the decision table, in one transaction. A refusal is
 * returned and not thrown, because it commits: with its record, its stored answer and its audit entry.
 *
 * @throws DomainError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, INSUFFICIENT_SCOPE for a caller that is no
 *   integration. What the database could not do in time leaves as its own error (kernel/src/database-errors.ts).
 * @see docs/rules.md#payment-confirmation
 */
export async function confirmPayment(
  ctx: Context,
  input: ConfirmPayment,
  idempotencyKey: string,
): Promise<ConfirmationAnswer> {
  const terminal = terminalOf(ctx, input);
  // Before the transaction: its triggers judge by the time at which it began, and must not find us ahead of it.
  const now = ctx.now();
  return ctx.db.transaction(async (tx) => {
    const request = await beginIdempotentRequest<ConfirmationOutcome>(tx, ctx, {
      operation: OPERATION,
      key: idempotencyKey,
      input,
    });
    if (request.kind === 'replay') return audited(tx, ctx, { outcome: request.outcome, replayed: true });
    const answer = await decide(tx, terminal, input, now);
    // Neither asks about the other, and both are part of the transaction: they leave together and cost one round trip.
    await Promise.all([finishIdempotentRequest(tx, request.begun, answer.outcome), audited(tx, ctx, answer)]);
    return answer;
  });
}

/** Rows 9 to 20. The order of locks is the same for everybody: key, natural key, invoice, business day. */
async function decide(tx: Tx, terminal: Terminal, input: ConfirmPayment, now: Date): Promise<ConfirmationAnswer> {
  await lockNaturalKey(tx, { ...terminal, ...input });
  const earlier = await findConfirmations(tx, { ...terminal, ...input });
  const recalled = recall(earlier, terminal.fingerprint);
  switch (recalled.kind) {
    case 'recorded':
      return { outcome: { kind: 'recorded', receipt: receiptOf(recalled.confirmation) }, replayed: true };
    case 'resolved':
      return { outcome: recalled.outcome, replayed: true };
    case 'other-content':
      return { outcome: await recordRefusal(tx, terminal, input, CONFLICT, earlier), replayed: false };
    case 'open': {
      const verdict = judge(await lockInvoice(tx, input.invoiceId), input, now);
      const outcome: ConfirmationOutcome =
        verdict.kind === 'refused'
          ? await recordRefusal(tx, terminal, input, verdict, earlier)
          : { kind: 'recorded', receipt: await recordPayment(tx, terminal, input, verdict) };
      return { outcome, replayed: false };
    }
  }
}

const CONFLICT: Refused = { kind: 'refused', code: 'TRANSACTION_CONFLICT', balanceMinor: null, needsReview: true };

function terminalOf({ caller }: Context, input: ConfirmPayment): Terminal {
  if (caller.kind !== 'integration') throw new DomainError('INSUFFICIENT_SCOPE');
  return {
    integrationId: caller.integrationId,
    tokenId: caller.tokenId,
    fingerprint: fingerprintOf({ operation: OPERATION, input }),
  };
}

async function audited(tx: Tx, ctx: Context, answer: ConfirmationAnswer): Promise<ConfirmationAnswer> {
  const { outcome, replayed } = answer;
  if (outcome.kind === 'recorded') {
    await recordAudit(tx, ctx, {
      action: 'payment.confirm',
      entity: 'payment',
      entityId: outcome.receipt.paymentId,
      result: replayed ? 'REPLAY' : 'OK',
    });
  } else {
    await recordAudit(tx, ctx, {
      action: 'payment.confirm',
      entity: 'terminal_confirmation',
      entityId: outcome.confirmationId,
      result: replayed ? 'REPLAY' : 'REJECTED',
      errorMessage: outcome.code,
    });
  }
  return answer;
}
