import type { Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { demandAnotherPerson } from '../manager-step.ts';
import { secretsOf } from '../secrets.ts';
import { changeAsManager } from './change-endpoint.ts';
import type { WebhookEndpoint } from './endpoint.ts';
import { version } from './endpoint-input.ts';

const ApproveWebhookEndpoint = z.object({ id: z.string(), version });

/**
 * A manager agrees that events leave to this URL; it was another person who chose it, unless the clinic has one manager
 * alone. Events flow once the URL has answered its challenge too, in either order. In the sandbox nothing waits for it.
 *
 * Throws NOT_FOUND, FORBIDDEN, PRECONDITION_FAILED when the endpoint is no longer what the manager has read, CONFLICT for
 * one without a URL or that is approved.
 */
export async function approveWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version } = parseInput(ApproveWebhookEndpoint, args);
  return changeAsManager(ctx, { action: 'webhook_endpoint.approve', id, version }, (_, endpoint, actor) => {
    if (endpoint.url === null) throw new DomainError('CONFLICT', { detail: 'The endpoint has no URL to approve.' });
    if (endpoint.approvedBy !== null) throw new DomainError('CONFLICT', { detail: 'The endpoint is approved.' });
    if (!secretsOf(ctx).singleManager) demandAnotherPerson(actor, [endpoint.urlSetBy ?? endpoint.createdBy]);
    const opens = endpoint.status === 'PENDING_VERIFICATION' && endpoint.verifiedAt !== null;
    return { approvedBy: actor, ...(opens ? { status: 'ACTIVE' as const, statusReason: null } : {}) };
  });
}
