import { idArgument, parseArguments } from '@bridgework/kernel/arguments';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { managerStep } from '../manager-step.ts';
import { payments, terminalConfirmations } from '../tables.ts';
import { confirmationColumns } from './find-confirmation.ts';

const resolution = z
  .strictObject({
    id: idArgument,
    resolution: z.enum(['LINKED', 'DISMISSED']),
    paymentId: idArgument.nullish(),
    reason: z.string().trim().min(1).max(500).nullish(),
  })
  .refine(({ resolution, paymentId }) => (resolution === 'LINKED') === (typeof paymentId === 'string'), {
    path: ['paymentId'],
    message: 'is given with LINKED, and with LINKED alone',
  })
  .refine(({ resolution, reason }) => resolution !== 'DISMISSED' || typeof reason === 'string', {
    path: ['reason'],
    message: 'is given with DISMISSED',
  });

/**
 * A manager's word on a refused confirmation: it is a payment that the clinic recorded itself (LINKED), or nothing comes of
 * it (DISMISSED). Neither makes a payment. The same word again changes nothing.
 *
 * @throws DomainError VALIDATION_FAILED, NOT_FOUND, CONFLICT when it does not wait, or when the payment does not fit it.
 * @see docs/rules.md#payment-confirmation
 */
export async function resolveConfirmation(ctx: Context, given: unknown) {
  const { id, resolution: word, paymentId = null, reason = null } = parseArguments(resolution, given);
  const step = { action: 'confirmation.resolve', entity: 'terminal_confirmation', entityId: id };
  return managerStep(ctx, step, async (tx) => {
    const before = await confirmationById(tx, id);
    if (before === undefined) throw new DomainError('NOT_FOUND');
    const { integrationId } = before;
    if (before.resolution === word && (word === 'DISMISSED' || before.paymentId === paymentId)) {
      return { result: before, repeated: true, integrationId };
    }
    await resolve(tx, { id, word, paymentId, reason, by: actorOf(ctx.caller) });
    const after = await confirmationById(tx, id);
    if (after === undefined) throw new Error(`${id} was resolved and is not there.`);
    return { result: after, integrationId };
  });
}

async function confirmationById(tx: Tx, id: string) {
  const [row] = await tx
    .select(confirmationColumns)
    .from(terminalConfirmations)
    .leftJoin(payments, eq(payments.id, terminalConfirmations.paymentId))
    .where(eq(terminalConfirmations.id, id));
  return row;
}

interface Word {
  readonly id: string;
  readonly word: 'LINKED' | 'DISMISSED';
  readonly paymentId: string | null;
  readonly reason: string | null;
  readonly by: string;
}

async function resolve(tx: Tx, { id, word, paymentId, reason, by }: Word): Promise<void> {
  const [row] = await tx
    .execute<{ resolved: boolean }>(
      sql`select billing.resolve_confirmation(${id}, ${word}, ${paymentId}, ${reason}, ${by}) as resolved`,
    )
    .catch((error: unknown) => {
      for (let cause = error; cause instanceof Error; cause = cause.cause) {
        if ('code' in cause && cause.code === 'BW005') {
          throw new DomainError('CONFLICT', {
            detail: 'It is linked to a payment of its amount and currency that the clinic recorded itself.',
          });
        }
      }
      throw error;
    });
  if (row?.resolved !== true) throw new DomainError('CONFLICT', { detail: 'It does not wait for a resolution.' });
}
