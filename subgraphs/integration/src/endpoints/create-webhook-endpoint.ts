import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { and, count, eq, isNull } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, parseInput } from '../input.ts';
import { lockIntegration } from '../integrations/find-integrations.ts';
import { createOnce } from '../manager-step.ts';
import { partnerOnce } from '../partner-step.ts';
import { webhookEndpoints, webhookSubscriptions } from '../tables.ts';
import { demandEventScopes } from './change-endpoint.ts';
import { demandUsableUrl, type WebhookEndpoint } from './endpoint.ts';
import { NewEndpoint, NewOwnEndpoint } from './endpoint-input.ts';
import { addSecret } from './endpoint-secret.ts';
import { endpointById } from './find-webhook-endpoints.ts';

const CreateWebhookEndpoint = z.object({
  input: NewEndpoint.extend({ integrationId: z.string() }),
  idempotencyKey,
});
const CreateOwnWebhookEndpoint = z.object({ input: NewOwnEndpoint, idempotencyKey });

/** Of one integration; so that nobody fills the verifier's and the dispatcher's tables. */
const MAX_ENDPOINTS = 50;

export interface CreatedEndpoint {
  readonly endpoint: WebhookEndpoint;
  /** `whsec_…`, shown this once; null when an earlier answer is repeated. */
  readonly secret: string | null;
}

const STEP = { action: 'webhook_endpoint.create', entity: 'webhook_endpoint' };

/**
 * Creates an endpoint with its signing secret. One with a URL waits for its receiver to answer a signed challenge; one
 * without is only fetched from and is active at once.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT when the integration is not active or has 50 endpoints,
 * INSUFFICIENT_SCOPE when it was not approved for webhook:receive and the read scope of each event,
 * IDEMPOTENCY_KEY_REUSED.
 */
export async function createWebhookEndpoint(ctx: Context, args: unknown): Promise<CreatedEndpoint> {
  const { input, idempotencyKey: key } = parseInput(CreateWebhookEndpoint, args);
  demandUsableUrl(ctx, input.url);
  const { integrationId, ...settings } = input;
  return createOnce<CreatedEndpoint>(
    ctx,
    { ...STEP, integrationId },
    { operation: 'createWebhookEndpoint', idempotencyKey: key, input },
    (tx, manager) => make(tx, ctx, integrationId, settings, actorOf(manager)),
    async (tx, id) => ({ endpoint: await endpointById(tx, id), secret: null }),
  );
}

/** As {@link createWebhookEndpoint}, by the integration for itself. Throws the same. */
export async function createOwnWebhookEndpoint(ctx: Context, args: unknown): Promise<CreatedEndpoint> {
  const { input, idempotencyKey: key } = parseInput(CreateOwnWebhookEndpoint, args);
  demandUsableUrl(ctx, input.url);
  return partnerOnce<CreatedEndpoint>(
    ctx,
    STEP,
    { operation: 'createOwnWebhookEndpoint', idempotencyKey: key, input },
    (tx, partner) => make(tx, ctx, partner.integrationId, input, actorOf(partner)),
    async (tx, id) => ({ endpoint: await endpointById(tx, id), secret: null }),
  );
}

async function make(
  tx: Tx,
  ctx: Context,
  integrationId: string,
  { eventTypes, url, ...settings }: z.output<typeof NewEndpoint>,
  actor: string,
) {
  // Its row is held, so that a scope cannot be withdrawn in between.
  const integration = await lockIntegration(tx, integrationId);
  if (integration.status !== 'ACTIVE') throw new DomainError('CONFLICT', { detail: 'The integration is not active.' });
  demandEventScopes(integration.approvedScopes, eventTypes);
  await demandRoom(tx, integration.key);
  // The secret is sealed for this id, so the id is made here.
  const id = newId('whe');
  const [row] = await tx
    .insert(webhookEndpoints)
    .values({
      ...given(settings),
      id,
      integrationKey: integration.key,
      name: settings.name,
      url: url ?? null,
      status: url === undefined ? 'ACTIVE' : 'PENDING_VERIFICATION',
      firstActiveAt: url === undefined ? ctx.now() : null,
      createdBy: actor,
      urlSetBy: actor,
    })
    .returning({ key: webhookEndpoints.key });
  if (row === undefined) throw new Error('An insert returned nothing.');
  const secret = await addSecret(tx, ctx, { key: row.key, id });
  await tx.insert(webhookSubscriptions).values(eventTypes.map((eventType) => ({ endpointKey: row.key, eventType })));
  return { id, integrationId, result: { endpoint: await endpointById(tx, id), secret } };
}

/** What was given, and nothing that was not. */
const given = <Settings extends object>(settings: Settings) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Settings]: NonNullable<Settings[Name]>;
  };

async function demandRoom(tx: Tx, integrationKey: number): Promise<void> {
  const [row] = await tx
    .select({ endpoints: count() })
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.integrationKey, integrationKey), isNull(webhookEndpoints.deletedAt)));
  if ((row?.endpoints ?? 0) < MAX_ENDPOINTS) return;
  throw new DomainError('CONFLICT', { detail: `An integration has at most ${MAX_ENDPOINTS} endpoints.` });
}
