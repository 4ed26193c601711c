import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { and, eq, gt, isNull, or, sql } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, parseInput } from '../input.ts';
import { createOnce } from '../manager-step.ts';
import { partnerOnce } from '../partner-step.ts';
import { webhookEndpoints, webhookSecrets } from '../tables.ts';
import { type LockedEndpoint, lockEndpoint } from './change-endpoint.ts';
import type { CreatedEndpoint } from './create-webhook-endpoint.ts';
import { addSecret } from './endpoint-secret.ts';
import { endpointById } from './find-webhook-endpoints.ts';

const MAX_GRACE_DAYS = 7;
/** Each adds a signature to every delivery; a receiver has to try them all. */
const MAX_LIVE_SECRETS = 5;

const RotateWebhookSecret = z.object({
  id: z.string(),
  graceDays: z.int().min(0).max(MAX_GRACE_DAYS).default(1),
  idempotencyKey,
});

const STEP = { action: 'webhook_endpoint.rotate_secret', entity: 'webhook_endpoint' };

/**
 * Gives an endpoint a new signing secret. Those it has stay good for `graceDays` (0 to 7), not longer than they were;
 * every delivery is signed with all that are live. With 0 they end at once: for a secret that became known.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT when five secrets are live, IDEMPOTENCY_KEY_REUSED.
 */
export async function rotateWebhookSecret(ctx: Context, args: unknown): Promise<CreatedEndpoint> {
  const { id, graceDays, idempotencyKey: key } = parseInput(RotateWebhookSecret, args);
  return createOnce(
    ctx,
    STEP,
    { operation: 'rotateWebhookSecret', idempotencyKey: key, input: { id, graceDays } },
    async (tx) => rotate(tx, ctx, await lockEndpoint(tx, id), graceDays),
    repeat,
  );
}

/** As {@link rotateWebhookSecret}, by the integration for its own endpoint. Throws the same. */
export async function rotateOwnWebhookSecret(ctx: Context, args: unknown): Promise<CreatedEndpoint> {
  const { id, graceDays, idempotencyKey: key } = parseInput(RotateWebhookSecret, args);
  return partnerOnce(
    ctx,
    STEP,
    { operation: 'rotateOwnWebhookSecret', idempotencyKey: key, input: { id, graceDays } },
    async (tx, partner) => rotate(tx, ctx, await lockEndpoint(tx, id, partner.integrationId), graceDays),
    repeat,
  );
}

const repeat = async (tx: Tx, id: string): Promise<CreatedEndpoint> => ({
  endpoint: await endpointById(tx, id),
  secret: null,
});

async function rotate(tx: Tx, ctx: Context, endpoint: LockedEndpoint, graceDays: number) {
  const live = and(
    eq(webhookSecrets.endpointKey, endpoint.key),
    or(isNull(webhookSecrets.expiresAt), gt(webhookSecrets.expiresAt, sql`now()`)),
  );
  const ending = await tx
    .update(webhookSecrets)
    .set({
      // Cut, not rounded: one that ends now must not live a fraction of a millisecond longer.
      expiresAt: sql`least(coalesce(${webhookSecrets.expiresAt}, 'infinity'),
        date_trunc('milliseconds', now()) + make_interval(days => ${graceDays}))`,
    })
    .where(live)
    .returning({ key: webhookSecrets.key });
  if (graceDays > 0 && ending.length >= MAX_LIVE_SECRETS) {
    throw new DomainError('CONFLICT', {
      detail: `${MAX_LIVE_SECRETS} secrets are live. Wait for one to end, or rotate without a grace period.`,
    });
  }
  const secret = await addSecret(tx, ctx, endpoint);
  await tx
    .update(webhookEndpoints)
    .set({ version: sql`${webhookEndpoints.version} + 1`, updatedAt: sql`clock_timestamp()` })
    .where(eq(webhookEndpoints.key, endpoint.key));
  const result: CreatedEndpoint = { endpoint: await endpointById(tx, endpoint.id), secret };
  return { id: endpoint.id, integrationId: endpoint.integrationId, result };
}
