import type { Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { demandDecider } from '../decision.ts';
import { parseInput, reason } from '../input.ts';
import { changeAsManager } from './change-endpoint.ts';
import type { WebhookEndpoint } from './endpoint.ts';
import { version } from './endpoint-input.ts';

const ApproveWebhookEndpoint = z.object({ id: z.string(), version, note: reason.optional() });

/**
 * A manager agrees that events leave to this URL; it was another person who chose it, or in a clinic with one manager the
 * same person a day earlier. Events flow once the URL has answered its challenge too, in either order. In the sandbox
 * nothing waits for it.
 *
 * Throws NOT_FOUND, FORBIDDEN, PRECONDITION_FAILED when the endpoint is no longer what the manager has read, CONFLICT for
 * one without a URL or that is approved, and what demandDecider throws.
 */
export async function approveWebhookEndpoint(ctx: Context, args: unknown): Promise<WebhookEndpoint> {
  const { id, version, note } = parseInput(ApproveWebhookEndpoint, args);
  return changeAsManager(ctx, { action: 'webhook_endpoint.approve', id, version }, (_, endpoint, actor) => {
    if (endpoint.url === null) throw new DomainError('CONFLICT', { detail: 'The endpoint has no URL to approve.' });
    if (endpoint.approvedBy !== null) throw new DomainError('CONFLICT', { detail: 'The endpoint is approved.' });
    demandDecider(ctx, { by: [endpoint.urlSetBy ?? endpoint.createdBy], at: endpoint.urlSetAt }, note);
    const opens = endpoint.status === 'PENDING_VERIFICATION' && endpoint.verifiedAt !== null;
    return {
      approvedBy: actor,
      approvalNote: note ?? null,
      ...(opens ? { status: 'ACTIVE' as const, statusReason: null } : {}),
    };
  });
}
