import { randomBytes } from 'node:crypto';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { readSealingKeys, sealSecret } from '@bridgework/kernel/sealed-secret';
import type { EventType } from '@bridgework/schema';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { missingScopes } from '../deliveries/authority.ts';
import { SECRET_PREFIX } from '../deliveries/signed-payload.ts';
import { eventTypes, idempotencyKey, parseInput, prose } from '../input.ts';
import { createOnce } from '../manager-step.ts';
import { secretsOf } from '../secrets.ts';
import { integrations, webhookEndpoints, webhookSecrets, webhookSubscriptions } from '../tables.ts';
import { urlFault, type WebhookEndpoint } from './endpoint.ts';
import { endpointById } from './find-webhook-endpoints.ts';

const CreateWebhookEndpoint = z.object({
  input: z.strictObject({
    integrationId: z.string(),
    name: prose(100),
    url: z.string().max(2_000).optional(),
    eventTypes: eventTypes.refine((types) => types.length > 0, 'names no event'),
  }),
  idempotencyKey,
});

export interface CreatedEndpoint {
  readonly endpoint: WebhookEndpoint;
  /** `whsec_…`, shown this once; null when an earlier answer is repeated. */
  readonly secret: string | null;
}

/**
 * Creates an endpoint with its signing secret. One with a URL waits for its receiver to answer a signed challenge; one
 * without is only fetched from and is active at once.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT when the integration is not active, INSUFFICIENT_SCOPE when it was not
 * approved for webhook:receive and the read scope of each event, IDEMPOTENCY_KEY_REUSED.
 */
export async function createWebhookEndpoint(ctx: Context, args: unknown): Promise<CreatedEndpoint> {
  const { input, idempotencyKey: key } = parseInput(CreateWebhookEndpoint, args);
  demandUsableUrl(ctx, input.url);
  return createOnce<CreatedEndpoint>(
    ctx,
    { action: 'webhook_endpoint.create', entity: 'webhook_endpoint', integrationId: input.integrationId },
    { operation: 'createWebhookEndpoint', idempotencyKey: key, input },
    async (tx, manager) => {
      const integrationKey = await demandApproval(tx, input.integrationId, input.eventTypes);
      // The secret is sealed for this id, so the id is made here.
      const id = newId('whe');
      const secret = `${SECRET_PREFIX}${randomBytes(32).toString('base64')}`;
      const pullOnly = input.url === undefined;
      const [row] = await tx
        .insert(webhookEndpoints)
        .values({
          id,
          integrationKey,
          name: input.name,
          url: input.url ?? null,
          status: pullOnly ? 'ACTIVE' : 'PENDING_VERIFICATION',
          firstActiveAt: pullOnly ? ctx.now() : null,
          createdBy: actorOf(manager),
        })
        .returning({ key: webhookEndpoints.key });
      if (row === undefined) throw new Error('An insert returned nothing.');
      const { keyId, sealed } = sealSecret(readSealingKeys(secretsOf(ctx).secretsKey), secret, id);
      await tx.insert(webhookSecrets).values({ endpointKey: row.key, sealed: Buffer.from(sealed), keyId });
      await tx
        .insert(webhookSubscriptions)
        .values(input.eventTypes.map((eventType) => ({ endpointKey: row.key, eventType })));
      const endpoint = await endpointById(tx, id);
      return { id, integrationId: input.integrationId, result: { endpoint, secret } };
    },
    async (tx, id) => ({ endpoint: await endpointById(tx, id), secret: null }),
  );
}

function demandUsableUrl(ctx: Context, url: string | undefined): void {
  const fault = url === undefined ? null : urlFault(url, secretsOf(ctx).environment);
  if (fault === null) return;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [{ pointer: '/input/url', code: 'unusable-url', detail: `The URL ${fault}.` }],
  });
}

/** The integration's key. Its row is held, so that a scope cannot be withdrawn in between. */
async function demandApproval(tx: Tx, integrationId: string, types: readonly EventType[]): Promise<number> {
  const [row] = await tx
    .select({ key: integrations.key, status: integrations.status, scopes: integrations.approvedScopes })
    .from(integrations)
    .where(eq(integrations.id, integrationId))
    .for('update');
  if (row === undefined) throw new DomainError('NOT_FOUND');
  if (row.status !== 'ACTIVE') throw new DomainError('CONFLICT', { detail: 'The integration is not active.' });
  const missing = missingScopes(row.scopes, types);
  if (missing.length === 0) return row.key;
  throw new DomainError('INSUFFICIENT_SCOPE', {
    detail: `The integration was not approved for ${missing.join(', ')}.`,
    members: { missing_scopes: missing },
  });
}
