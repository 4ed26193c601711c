import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import type { EventType } from '@bridgework/schema';
import { and, eq, notInArray } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { webhookSubscriptions } from '../tables.ts';
import { changeAsManager, changeOwn, demandEventScopes, type LockedEndpoint } from './change-endpoint.ts';
import { demandUsableUrl, type WebhookEndpoint } from './endpoint.ts';
import { EndpointChange, OwnEndpointChange, version } from './endpoint-input.ts';

const UpdateWebhookEndpoint = z.object({ id: z.string(), version, input: EndpointChange });
const UpdateOwnWebhookEndpoint = z.object({ id: z.string(), version, input: OwnEndpointChange });
const ACTION = 'webhook_endpoint.update';

/**
 * Changes what is given. A URL, also the same one given again while it is not verified, has to answer the challenge
 * before anything is sent to it, and in production a manager approves it anew; what happens meanwhile is held.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, PRECONDITION_FAILED, INSUFFICIENT_SCOPE for events the integration may not read,
 * CONFLICT for the URL of an endpoint that is paused or disabled, or has none.
 */
export async function updateWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version, input } = parseInput(UpdateWebhookEndpoint, args);
  demandUsableUrl(ctx, input.url);
  return changeAsManager(ctx, { action: ACTION, id, version }, (tx, endpoint, actor) =>
    judge(tx, endpoint, input, actor),
  );
}

/** As {@link updateWebhookEndpoint}, by the integration for its own endpoint. Throws the same. */
export async function updateOwnWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version, input } = parseInput(UpdateOwnWebhookEndpoint, args);
  demandUsableUrl(ctx, input.url);
  return changeOwn(ctx, { action: ACTION, id, version }, (tx, endpoint, actor) => judge(tx, endpoint, input, actor));
}

async function judge(
  tx: Tx,
  endpoint: LockedEndpoint,
  { eventTypes, url, ...settings }: z.output<typeof EndpointChange>,
  actor: string,
) {
  if (eventTypes !== undefined) {
    demandEventScopes(endpoint.approvedScopes, eventTypes);
    await subscribe(tx, endpoint.key, eventTypes);
  }
  const changes = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const isSame = url === endpoint.url && endpoint.verifiedAt !== null;
  return url === undefined || isSame ? changes : { ...changes, ...verifyAnew(endpoint, url, actor) };
}

function verifyAnew(endpoint: LockedEndpoint, url: string, actor: string) {
  if (endpoint.url === null) {
    throw new DomainError('CONFLICT', { detail: 'This endpoint is only fetched from; create one with a URL.' });
  }
  if (endpoint.status !== 'ACTIVE' && endpoint.status !== 'PENDING_VERIFICATION') {
    throw new DomainError('CONFLICT', { detail: `The endpoint is ${endpoint.status}; a manager resumes it first.` });
  }
  return {
    url,
    urlSetBy: actor,
    status: 'PENDING_VERIFICATION' as const,
    statusReason: null,
    verifiedAt: null,
    approvedBy: null,
    approvalNote: null,
    verificationAttempts: 0,
    verificationNextAt: new Date(0),
    verificationGivenUpAt: null,
    breakerState: 'CLOSED' as const,
    breakerOpenedAt: null,
    breakerRetryAt: null,
    breakerOpenings: 0,
    breakerProbeSuccesses: 0,
  };
}

async function subscribe(tx: Tx, endpointKey: number, types: readonly EventType[]): Promise<void> {
  await tx
    .delete(webhookSubscriptions)
    .where(
      and(eq(webhookSubscriptions.endpointKey, endpointKey), notInArray(webhookSubscriptions.eventType, [...types])),
    );
  await tx
    .insert(webhookSubscriptions)
    .values(types.map((eventType) => ({ endpointKey, eventType })))
    .onConflictDoNothing();
}
