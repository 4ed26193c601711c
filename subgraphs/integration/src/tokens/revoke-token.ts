import { actorOf, type Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput, reason } from '../input.ts';
import { managerStep } from '../manager-step.ts';
import { tokens } from '../tables.ts';
import { tokenById } from './find-tokens.ts';
import type { IntegrationToken } from './token.ts';

const RevokeToken = z.object({ id: z.string(), reason: reason.optional() });

/** Ends a token for good, within a second. A revoked token stays as it is. Throws NOT_FOUND. */
export async function revokeToken(ctx: Context, args: unknown): Promise<IntegrationToken> {
  const { id, reason } = parseInput(RevokeToken, args);
  return managerStep(ctx, { action: 'token.revoke', entity: 'token', entityId: id }, async (tx, manager, concerns) => {
    const [locked] = await tx
      .select({ key: tokens.key, status: tokens.status })
      .from(tokens)
      .where(eq(tokens.id, id))
      .for('update');
    if (locked === undefined) throw new DomainError('NOT_FOUND');
    concerns((await tokenById(tx, id)).integrationId);
    if (locked.status === 'ACTIVE') {
      await tx
        .update(tokens)
        .set({
          status: 'REVOKED',
          revokedAt: ctx.now(),
          revokedBy: actorOf(manager),
          ...(reason === undefined ? {} : { revokedReason: reason }),
        })
        .where(eq(tokens.key, locked.key));
    }
    const token = await tokenById(tx, id);
    return { result: token, integrationId: token.integrationId };
  });
}
