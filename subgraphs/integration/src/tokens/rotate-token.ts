import { recordAudit } from '@bridgework/kernel/audit';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import type { Scope } from '@bridgework/schema';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, instant, parseInput } from '../input.ts';
import { lockIntegrationByKey } from '../integrations/find-integrations.ts';
import { demandStatus, type IntegrationRow } from '../integrations/integration.ts';
import { createOnce } from '../manager-step.ts';
import { tokens } from '../tables.ts';
import { tokenById } from './find-tokens.ts';
import { type IssuedToken, insertToken, readGrant } from './issue-token.ts';
import { demandGranted, isGranted, type TokenRow } from './token.ts';

/** The database holds to the same. */
const MAX_OVERLAP_HOURS = 7 * 24;

const RotateToken = z.object({
  input: z.strictObject({
    id: z.string(),
    overlapHours: z.int().min(0).max(MAX_OVERLAP_HOURS).default(24),
    expiresAt: instant.optional(),
  }),
  idempotencyKey,
});

/**
 * Issues a successor with the same name, addresses and scopes, as far as they are still granted. The old token goes on
 * for the overlap, 7 days at most; without one it is revoked at once.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT when the token is revoked, has expired or was rotated already, or when
 * nothing of its scopes is granted any more; IDEMPOTENCY_KEY_REUSED.
 *
 * @see docs/rules.md#integration-tokens
 */
export async function rotateToken(ctx: Context, args: unknown): Promise<IssuedToken> {
  const { input, idempotencyKey } = parseInput(RotateToken, args);
  return createOnce<IssuedToken>(
    ctx,
    { action: 'token.rotate', entity: 'token' },
    { operation: 'rotateToken', idempotencyKey, input },
    async (tx, manager, concerns) => {
      const { integrationKey } = await tokenById(tx, input.id);
      // Integration before token: everybody locks in this order.
      const integration = await lockIntegrationByKey(tx, integrationKey);
      concerns(integration.id);
      demandStatus(integration, ['ACTIVE']);
      const old = await lockRotatable(tx, ctx, input.id);
      const grant = await readGrant(tx, ctx, integration);
      const scopes = (old.scopes as Scope[]).filter((scope) => isGranted(ctx, grant, scope));
      if (scopes.length === 0) {
        throw new DomainError('CONFLICT', { detail: 'None of its scopes is granted any more.' });
      }
      demandEnd(old, input.expiresAt);
      demandGranted(ctx, grant, { scopes, expiresAt: input.expiresAt ?? null });
      await endOld(tx, ctx, integration, old, input.overlapHours);
      const issued = await insertToken(tx, ctx, integration, {
        name: old.name,
        scopes,
        allowedCidrs: old.allowedCidrs,
        expiresAt: input.expiresAt ?? null,
        rotatedFromKey: old.key,
        createdBy: actorOf(manager),
      });
      return { id: issued.token.id, integrationId: integration.id, result: issued };
    },
    async (tx, id) => ({ token: await tokenById(tx, id), secret: null }),
  );
}

async function lockRotatable(tx: Tx, ctx: Context, id: string): Promise<TokenRow> {
  const [old] = await tx.select().from(tokens).where(eq(tokens.id, id)).for('update');
  if (old === undefined) throw new DomainError('NOT_FOUND');
  if (old.status !== 'ACTIVE' || (old.expiresAt !== null && old.expiresAt <= ctx.now())) {
    throw new DomainError('CONFLICT', { detail: 'The token has ended; issue a new one.' });
  }
  const successors = await tx.select({ id: tokens.id }).from(tokens).where(eq(tokens.rotatedFromKey, old.key));
  if (successors.length > 0) {
    throw new DomainError('CONFLICT', { detail: `The token was rotated already: ${successors[0]?.id}.` });
  }
  return old;
}

/** What had an end gets one again: a rotation prolongs nothing by silence. */
function demandEnd(old: TokenRow, expiresAt: Date | undefined): void {
  if (old.expiresAt === null || expiresAt !== undefined) return;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [
      { pointer: '/input/expiresAt', code: 'missing', detail: 'The token has an end; say when the new one ends.' },
    ],
  });
}

async function endOld(
  tx: Tx,
  ctx: Context,
  integration: IntegrationRow,
  old: TokenRow,
  overlapHours: number,
): Promise<void> {
  if (overlapHours > 0) {
    // Rounded down: the column keeps milliseconds, and seven days are never exceeded by a part of one.
    const until = sql`least(${tokens.expiresAt},
      date_trunc('milliseconds', now()) + make_interval(hours => ${overlapHours}))`;
    await tx.update(tokens).set({ expiresAt: until }).where(eq(tokens.key, old.key));
    return;
  }
  await tx
    .update(tokens)
    .set({ status: 'REVOKED', revokedAt: ctx.now(), revokedBy: actorOf(ctx.caller), revokedReason: 'rotated' })
    .where(eq(tokens.key, old.key));
  const entry = { action: 'token.revoke', entity: 'token', entityId: old.id, result: 'OK' } as const;
  await recordAudit(tx, ctx, { ...entry, integrationId: integration.id });
}
