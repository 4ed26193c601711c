import { recordAudit } from '@bridgework/kernel/audit';
import type { Context, IntegrationCaller } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { auditRefusal, type Created, type CreationRequest, createInTransaction, type Step } from './manager-step.ts';

/**
 * Runs what an integration does with its own things, in one transaction with its audit row; a refusal is audited by
 * itself.
 *
 * Throws FORBIDDEN for anybody but an integration.
 */
export async function partnerStep<Result>(
  ctx: Context,
  step: Omit<Step, 'integrationId'>,
  work: (tx: Tx, partner: IntegrationCaller) => Promise<Result>,
): Promise<Result> {
  return auditingPartner(ctx, step, (partner) =>
    ctx.db.transaction(async (tx) => {
      const result = await work(tx, partner);
      await recordAudit(tx, ctx, { ...step, integrationId: partner.integrationId, result: 'OK' });
      return result;
    }),
  );
}

/** As {@link partnerStep}, for what is done once per idempotency key. */
export async function partnerOnce<Result>(
  ctx: Context,
  step: Omit<Step, 'entityId' | 'integrationId'>,
  request: CreationRequest,
  create: (tx: Tx, partner: IntegrationCaller) => Promise<Created<Result>>,
  reload: (tx: Tx, id: string) => Promise<Result>,
): Promise<Result> {
  return auditingPartner(ctx, { ...step, entityId: null }, (partner) =>
    ctx.db.transaction((tx) => createInTransaction(tx, ctx, step, request, () => create(tx, partner), reload)),
  );
}

/** Throws FORBIDDEN for anybody but an integration. */
export function demandIntegration({ caller }: Context): IntegrationCaller {
  if (caller.kind === 'integration') return caller;
  throw new DomainError('FORBIDDEN', { detail: 'This is for integrations and what belongs to them.' });
}

async function auditingPartner<Result>(
  ctx: Context,
  step: Omit<Step, 'integrationId'>,
  work: (partner: IntegrationCaller) => Promise<Result>,
): Promise<Result> {
  const { caller } = ctx;
  const integrationId = caller.kind === 'integration' ? caller.integrationId : null;
  try {
    return await work(demandIntegration(ctx));
  } catch (error) {
    await auditRefusal(ctx, { ...step, integrationId }, error);
    throw error;
  }
}
