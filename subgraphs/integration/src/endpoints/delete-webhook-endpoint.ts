import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { changeAsManager, changeOwn } from './change-endpoint.ts';
import type { WebhookEndpoint } from './endpoint.ts';
import { version } from './endpoint-input.ts';

const DeleteWebhookEndpoint = z.object({ id: z.string(), version });
const ACTION = 'webhook_endpoint.delete';
const gone = () => ({ deletedAt: sql`clock_timestamp()` });

/**
 * Ends an endpoint for good: nothing more is made for it, and what still waited ends as `deleted`. What it was sent stays
 * on record. Throws NOT_FOUND, PRECONDITION_FAILED.
 */
export async function deleteWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version } = parseInput(DeleteWebhookEndpoint, args);
  return changeAsManager(ctx, { action: ACTION, id, version }, gone);
}

/** As {@link deleteWebhookEndpoint}, by the integration for its own endpoint. Throws the same. */
export async function deleteOwnWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version } = parseInput(DeleteWebhookEndpoint, args);
  return changeOwn(ctx, { action: ACTION, id, version }, gone);
}
