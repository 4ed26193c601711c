import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import type { EventType } from '@bridgework/schema';
import { and, eq, isNull, sql } from 'drizzle-orm';
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core';
import { missingScopes } from '../deliveries/authority.ts';
import { managerStep } from '../manager-step.ts';
import { partnerStep } from '../partner-step.ts';
import { integrations, webhookEndpoints } from '../tables.ts';
import type { WebhookEndpoint } from './endpoint.ts';
import { endpointById } from './find-webhook-endpoints.ts';

/** An endpoint's row, held for the rest of the transaction, with what its integration may. */
export type LockedEndpoint = typeof webhookEndpoints.$inferSelect & {
  readonly integrationId: string;
  readonly approvedScopes: readonly string[];
};

/** What a change writes; the version and the time of the change are added. */
type Changes = PgUpdateSetSource<typeof webhookEndpoints>;

export interface EndpointStep {
  /** `webhook_endpoint.pause` */
  readonly action: string;
  readonly id: string;
  /** What the caller has read; undefined when it does not matter to them. */
  readonly version: number | undefined;
}

/**
 * A manager changes an endpoint, in one transaction with its audit row. Throws NOT_FOUND, PRECONDITION_FAILED when the
 * endpoint is no longer what the caller has read, and what `decide` throws.
 */
export function changeAsManager(
  ctx: Context,
  { action, id, version }: EndpointStep,
  decide: (tx: Tx, endpoint: LockedEndpoint, actor: string) => Promise<Changes> | Changes,
): Promise<WebhookEndpoint> {
  const step = { action, entity: 'webhook_endpoint', entityId: id };
  return managerStep(ctx, step, async (tx, manager, concerns) => {
    const endpoint = await lockEndpoint(tx, id);
    concerns(endpoint.integrationId);
    const result = await change(tx, endpoint, version, (locked) => decide(tx, locked, actorOf(manager)));
    return { result, integrationId: endpoint.integrationId };
  });
}

/** As {@link changeAsManager}, by the integration itself; a foreign endpoint is as unknown as a missing one. */
export function changeOwn(
  ctx: Context,
  { action, id, version }: EndpointStep,
  decide: (tx: Tx, endpoint: LockedEndpoint, actor: string) => Promise<Changes> | Changes,
): Promise<WebhookEndpoint> {
  return partnerStep(ctx, { action, entity: 'webhook_endpoint', entityId: id }, async (tx, partner) => {
    const endpoint = await lockEndpoint(tx, id, partner.integrationId);
    return change(tx, endpoint, version, (locked) => decide(tx, locked, actorOf(partner)));
  });
}

async function change(
  tx: Tx,
  endpoint: LockedEndpoint,
  version: number | undefined,
  decide: (endpoint: LockedEndpoint) => Promise<Changes> | Changes,
): Promise<WebhookEndpoint> {
  demandVersion(endpoint, version);
  const changes = await decide(endpoint);
  await tx
    .update(webhookEndpoints)
    .set({ ...changes, version: sql`${webhookEndpoints.version} + 1`, updatedAt: sql`clock_timestamp()` })
    .where(eq(webhookEndpoints.key, endpoint.key));
  return endpointById(tx, endpoint.id);
}

/** Throws NOT_FOUND for one that does not exist, was deleted, or belongs to another integration than the one named. */
export async function lockEndpoint(tx: Tx, id: string, integrationId?: string): Promise<LockedEndpoint> {
  const [endpoint] = await tx
    .select()
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.id, id), isNull(webhookEndpoints.deletedAt)))
    .for('no key update');
  if (endpoint === undefined) throw new DomainError('NOT_FOUND');
  const [owner] = await tx
    .select({ integrationId: integrations.id, approvedScopes: integrations.approvedScopes })
    .from(integrations)
    .where(eq(integrations.key, endpoint.integrationKey));
  if (owner === undefined || (integrationId ?? owner.integrationId) !== owner.integrationId) {
    throw new DomainError('NOT_FOUND');
  }
  return { ...endpoint, ...owner };
}

function demandVersion(endpoint: LockedEndpoint, version: number | undefined): void {
  if (version === undefined || version === endpoint.version) return;
  throw new DomainError('PRECONDITION_FAILED', {
    detail: `The endpoint is at version ${endpoint.version}.`,
    members: { version: endpoint.version },
  });
}

/** Throws INSUFFICIENT_SCOPE naming what the integration was not approved for. */
export function demandEventScopes(approvedScopes: readonly string[], types: readonly EventType[]): void {
  const missing = missingScopes(approvedScopes, types);
  if (missing.length === 0) return;
  throw new DomainError('INSUFFICIENT_SCOPE', {
    detail: `The integration was not approved for ${missing.join(', ')}.`,
    members: { missing_scopes: missing },
  });
}
