import type { Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { instant, parseInput, reason } from '../input.ts';
import { secretsOf } from '../secrets.ts';
import { changeAsManager, type LockedEndpoint } from './change-endpoint.ts';
import type { WebhookEndpoint } from './endpoint.ts';
import { version } from './endpoint-input.ts';

const PauseWebhookEndpoint = z.object({ id: z.string(), version: version.optional(), reason });
const ResumeWebhookEndpoint = z
  .object({
    id: z.string(),
    version: version.optional(),
    held: z.enum(['ALL', 'SINCE', 'NONE']).default('ALL'),
    since: instant.optional(),
  })
  .refine(({ held, since }) => (held === 'SINCE') === (since !== undefined), {
    path: ['since'],
    error: 'is given with held SINCE and only then',
  });

/** Keeps an endpoint's deliveries back, from within a second on. Throws NOT_FOUND, PRECONDITION_FAILED, CONFLICT. */
export async function pauseWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version, reason } = parseInput(PauseWebhookEndpoint, args);
  return changeAsManager(ctx, { action: 'webhook_endpoint.pause', id, version }, (_, endpoint) => {
    if (endpoint.status !== 'ACTIVE') throw conflict(endpoint, 'ACTIVE');
    return { status: 'PAUSED', statusReason: reason };
  });
}

/**
 * Lets a paused or disabled endpoint go on. Of what was held meanwhile all is sent, what was made since an instant, or
 * nothing; the rest ends as `skipped` and can still be replayed.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, PRECONDITION_FAILED, CONFLICT when it is not stopped, or in production was never
 * approved.
 */
export async function resumeWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version, held, since } = parseInput(ResumeWebhookEndpoint, args);
  return changeAsManager(ctx, { action: 'webhook_endpoint.resume', id, version }, (_, endpoint) => {
    if (endpoint.status !== 'PAUSED' && endpoint.status !== 'DISABLED') throw conflict(endpoint, 'PAUSED or DISABLED');
    const isOpen = endpoint.url === null || secretsOf(ctx).environment === 'sandbox' || endpoint.approvedBy !== null;
    if (!isOpen) throw new DomainError('CONFLICT', { detail: 'Nobody has approved the endpoint yet.' });
    return {
      status: 'ACTIVE' as const,
      statusReason: null,
      // The workers let go what was made before; they ask the database's clock, as this does.
      skipBefore: held === 'ALL' ? null : held === 'NONE' ? sql`clock_timestamp()` : since,
      skipDecidedAt: held === 'ALL' ? null : sql`clock_timestamp()`,
      breakerState: 'CLOSED' as const,
      breakerOpenedAt: null,
      breakerRetryAt: null,
      breakerOpenings: 0,
      breakerProbeSuccesses: 0,
    };
  });
}

const conflict = ({ status }: LockedEndpoint, needed: string): DomainError =>
  new DomainError('CONFLICT', { detail: `The endpoint is ${status}; this needs ${needed}.`, members: { status } });
