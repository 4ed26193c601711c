import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { SCOPE_NAMES, type Scope } from '@bridgework/schema';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Approval, approvalById } from '../approvals/find-approvals.ts';
import { idempotencyKey, instant, parseInput, prose } from '../input.ts';
import { lockIntegration } from '../integrations/find-integrations.ts';
import { demandStatus, type IntegrationRow, isSensitive } from '../integrations/integration.ts';
import { createOnce } from '../manager-step.ts';
import { approvals } from '../tables.ts';

/** A sensitive scope is granted no longer than the longest time between two reviews. */
const MAX_MONTHS = 24;

const RequestScope = z.object({
  input: z.strictObject({
    integrationId: z.string(),
    scope: z.enum(SCOPE_NAMES as [Scope, ...Scope[]]),
    justification: prose(4_000),
    expiresAt: instant.optional(),
  }),
  idempotencyKey,
});

/**
 * Asks for a scope that an approved integration was not granted, or whose approval ends: another manager decides. A
 * sensitive scope is asked for until an instant, 24 months ahead at most; an ordinary one has no end.
 *
 * Throws VALIDATION_FAILED, NOT_FOUND, CONFLICT when the scope is granted or asked for already, IDEMPOTENCY_KEY_REUSED.
 */
export async function requestScope(ctx: Context, args: unknown): Promise<Approval> {
  const { input, idempotencyKey } = parseInput(RequestScope, args);
  const { integrationId, scope, justification, expiresAt } = input;
  return createOnce<Approval>(
    ctx,
    { action: 'scope.request', entity: 'approval', integrationId },
    { operation: 'requestScope', idempotencyKey, input },
    async (tx, manager) => {
      demandEnd(ctx, scope, expiresAt);
      // One request after the other: the second meets the first.
      const integration = await lockIntegration(tx, integrationId);
      demandStatus(integration, ['ACTIVE', 'PAUSED']);
      await demandNotAsked(tx, integration, scope);
      const [row] = await tx
        .insert(approvals)
        .values({
          integrationKey: integration.key,
          kind: 'SCOPE',
          scope,
          justification,
          requestedBy: actorOf(manager),
          expiresAt: expiresAt ?? null,
        })
        .returning({ id: approvals.id });
      if (row === undefined) throw new Error('An insert returned nothing.');
      return { id: row.id, integrationId, result: await approvalById(tx, row.id) };
    },
    (tx, id) => approvalById(tx, id),
  );
}

function demandEnd(ctx: Context, scope: Scope, expiresAt: Date | undefined): void {
  const fault = findFault(ctx, scope, expiresAt);
  if (fault === null) return;
  const [code, detail] = fault;
  throw new DomainError('VALIDATION_FAILED', { errors: [{ pointer: '/input/expiresAt', code, detail }] });
}

function findFault(ctx: Context, scope: Scope, expiresAt: Date | undefined): readonly [string, string] | null {
  if (!isSensitive(scope)) {
    return expiresAt === undefined ? null : ['no-end', `${scope} is not sensitive; it is granted without an end.`];
  }
  if (expiresAt === undefined) return ['missing', `${scope} is sensitive: say until when it is needed.`];
  if (expiresAt <= ctx.now()) return ['past', 'An approval has to end in the future.'];
  const latest = new Date(ctx.now());
  latest.setUTCMonth(latest.getUTCMonth() + MAX_MONTHS);
  return expiresAt > latest ? ['too-late', `A sensitive scope is granted for ${MAX_MONTHS} months at most.`] : null;
}

async function demandNotAsked(tx: Tx, integration: IntegrationRow, scope: Scope): Promise<void> {
  if (!isSensitive(scope) && integration.approvedScopes.includes(scope)) {
    throw new DomainError('CONFLICT', { detail: `The integration has ${scope} already.` });
  }
  const open = await tx
    .select({ id: approvals.id })
    .from(approvals)
    .where(
      and(eq(approvals.integrationKey, integration.key), eq(approvals.scope, scope), eq(approvals.status, 'PENDING')),
    );
  if (open.length > 0) throw new DomainError('CONFLICT', { detail: `${scope} is asked for already.` });
}
