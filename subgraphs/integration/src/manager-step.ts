import { type AuditEntry, recordAudit, recordAuditAlone } from '@bridgework/kernel/audit';
import type { Context, UserCaller } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { refusalOf } from '@bridgework/kernel/database-errors';
import { DomainError, ERRORS } from '@bridgework/kernel/errors';
import { beginIdempotentRequest, finishIdempotentRequest } from '@bridgework/kernel/idempotency';
import { z } from 'zod';

/** What the audit log says of a governance step. */
export interface Step {
  /** `noun.verb`, for example `integration.approve`. */
  readonly action: string;
  readonly entity: string;
  /** What it is done to; null while it does not exist. */
  readonly entityId: string | null;
  readonly integrationId?: string | null;
}

/** Says whose integration a step is about as soon as that is known: a refusal is then filed under it too. */
export type Concerns = (integrationId: string) => void;

/** What a step did; names the integration where that was not known before. */
export interface Done<Result> {
  readonly result: Result;
  readonly integrationId?: string | null;
}

/**
 * Runs a manager's step in one transaction with its audit row: no effect without audit. A refusal rolls the transaction
 * back and is audited by itself; so is a failure of ours, as far as the database still answers.
 *
 * Throws FORBIDDEN for anybody but a manager, whatever the graph's own rules say.
 */
export async function managerStep<Result>(
  ctx: Context,
  step: Step,
  work: (tx: Tx, manager: UserCaller, concerns: Concerns) => Promise<Done<Result>>,
): Promise<Result> {
  return auditingRefusals(ctx, step, (manager, concerns) =>
    ctx.db.transaction(async (tx) => {
      const { result, integrationId = step.integrationId ?? null } = await work(tx, manager, concerns);
      await recordAudit(tx, ctx, { ...step, integrationId, result: 'OK' });
      return result;
    }),
  );
}

export interface CreationRequest {
  /** Name of the mutation; belongs to the request's fingerprint. */
  readonly operation: string;
  readonly idempotencyKey: string;
  readonly input: unknown;
}

/** What a creation made. Only its ids are kept for a replay, so that no secret is ever stored with an answer. */
export interface Created<Result> {
  readonly id: string;
  readonly integrationId: string | null;
  readonly result: Result;
}

/**
 * As {@link managerStep}, for a mutation that creates something: done once per idempotency key. A replay loads what was
 * created and is audited as REPLAY.
 *
 * Throws IDEMPOTENCY_KEY_REUSED when the key came with other content, IDEMPOTENCY_IN_PROGRESS while the first is running.
 */
export async function createOnce<Result>(
  ctx: Context,
  step: Omit<Step, 'entityId'>,
  { operation, idempotencyKey, input }: CreationRequest,
  create: (tx: Tx, manager: UserCaller, concerns: Concerns) => Promise<Created<Result>>,
  reload: (tx: Tx, id: string) => Promise<Result>,
): Promise<Result> {
  const request = { operation, idempotencyKey, input };
  return auditingRefusals(ctx, { ...step, entityId: null }, (manager, concerns) =>
    ctx.db.transaction((tx) =>
      createInTransaction(tx, ctx, step, request, () => create(tx, manager, concerns), reload),
    ),
  );
}

/** The inside of {@link createOnce}, whoever may create. */
export async function createInTransaction<Result>(
  tx: Tx,
  ctx: Context,
  step: Omit<Step, 'entityId'>,
  { operation, idempotencyKey, input }: CreationRequest,
  create: () => Promise<Created<Result>>,
  reload: (tx: Tx, id: string) => Promise<Result>,
): Promise<Result> {
  const verdict = await beginIdempotentRequest<Omit<Created<Result>, 'result'>>(tx, ctx, {
    operation,
    key: idempotencyKey,
    input,
  });
  if (verdict.kind === 'replay') {
    const { id, integrationId } = verdict.outcome;
    await recordAudit(tx, ctx, { ...step, entityId: id, integrationId, result: 'REPLAY' });
    return reload(tx, id);
  }
  const { id, integrationId, result } = await create();
  await finishIdempotentRequest(tx, verdict.begun, { id, integrationId });
  await recordAudit(tx, ctx, { ...step, entityId: id, integrationId, result: 'OK' });
  return result;
}

/** Runs what only a manager may; whatever is thrown leaves a row in the audit log, and is thrown on. */
export async function auditingRefusals<Result>(
  ctx: Context,
  step: Step,
  work: (manager: UserCaller, concerns: Concerns) => Promise<Result>,
): Promise<Result> {
  let integrationId = step.integrationId ?? null;
  try {
    if (ctx.caller.kind !== 'user' || ctx.caller.role !== 'MANAGER') throw new DomainError('FORBIDDEN');
    return await work(ctx.caller, (id) => {
      integrationId = id;
    });
  } catch (error) {
    await auditRefusal(ctx, { ...step, integrationId }, error);
    throw error;
  }
}

/** Errors that have their row in the log already. */
const audited = new WeakSet<object>();

/**
 * Around a whole mutation: what is refused before its step begins, because the input has not the right shape, is audited
 * under the step's name like every other refusal.
 */
export async function auditingShape<Result>(
  ctx: Context,
  step: { readonly action: string; readonly entity: string },
  args: unknown,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const isAudited = typeof error === 'object' && error !== null && audited.has(error);
    if (!isAudited) await auditRefusal(ctx, { ...step, ...findIds(args) }, error);
    throw error;
  }
}

const Ids = z.object({
  id: z
    .string()
    .regex(/^[a-z]{3}_[0-9a-z]{26}$/)
    .nullable()
    .catch(null),
  integrationId: z
    .string()
    .regex(/^int_[0-9a-z]{26}$/)
    .nullable()
    .catch(null),
});

/** What unparsed arguments say of whom they concern, as far as it looks like an id of ours. */
function findIds(args: unknown): Pick<Step, 'integrationId'> & { readonly entityId: string | null } {
  const outer = Ids.safeParse(args).data;
  const inner = z.object({ input: Ids }).safeParse(args).data?.input;
  const entityId = outer?.id ?? inner?.id ?? null;
  const own = entityId?.startsWith('int_') === true ? entityId : null;
  return { entityId, integrationId: outer?.integrationId ?? inner?.integrationId ?? own };
}

/** The log is written as far as the database answers: the refusal itself must reach its caller in any case. */
export async function auditRefusal(ctx: Context, step: Step, error: unknown): Promise<void> {
  if (typeof error === 'object' && error !== null) audited.add(error);
  const entry: AuditEntry = { ...step, integrationId: step.integrationId ?? null, ...describe(error) };
  await recordAuditAlone(ctx, entry).catch((err: unknown) => {
    ctx.log.error({ err, action: step.action, requestId: ctx.requestId }, 'refusal.not_audited');
  });
}

/** What the caller is told, and nothing more: of a failure of ours only that it was one. */
function describe(error: unknown): Pick<AuditEntry, 'result' | 'errorMessage'> {
  const refusal = refusalOf(error);
  if (refusal === null) return { result: 'FAILED', errorMessage: 'INTERNAL' };
  const { status } = ERRORS[refusal.code];
  const result = status >= 500 ? 'FAILED' : status === 401 || status === 403 ? 'DENIED' : 'REJECTED';
  return { result, errorMessage: `${refusal.code}: ${refusal.message}` };
}

/** Throws FORBIDDEN when the person who decides is among those who have a part in it. */
export function demandAnotherPerson(actor: string, involved: readonly (string | null)[]): void {
  if (!involved.includes(actor)) return;
  throw new DomainError('FORBIDDEN', {
    detail: 'Another manager has to decide than those who asked for it, made it or wrote in it.',
  });
}
