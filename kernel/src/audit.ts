import { sql } from 'drizzle-orm';
import { actorOf, type Context } from './context.ts';
import type { Tx } from './database.ts';

/** How it ended. Closed; the table's CHECK says the same. */
export type AuditResult = 'OK' | 'DENIED' | 'REJECTED' | 'FAILED' | 'REPLAY';

export interface AuditEntry {
  /** `noun.verb`, for example `payment.confirm`. */
  readonly action: string;
  /** What kind of thing it was done to, for example `invoice`. */
  readonly entity: string;
  readonly entityId: string | null;
  readonly result: AuditResult;
  /** The refusal's code or one sentence without personal data; cut after 500 characters. */
  readonly errorMessage?: string;
  /** Whose integration it concerns; by default the caller's own. */
  readonly integrationId?: string | null;
  /** Instead of the caller, where one process reports what another has met. */
  readonly actor?: string;
  readonly requestId?: string;
  /** More than one where equal refusals were summed up. */
  readonly occurrences?: number;
}

/**
 * Writes one entry in the transaction of its effect, so that there is no effect without its entry. It takes a
 * transaction and nothing else; a refusal that happens outside one opens its own ({@link recordAuditAlone}).
 *
 * Returns the entry's public id.
 *
 * @see docs/rules.md#mandatory-audit-events
 */
export async function recordAudit(tx: Tx, ctx: Context, entry: AuditEntry): Promise<string> {
  const ownIntegration = ctx.caller.kind === 'integration' ? ctx.caller.integrationId : null;
  const integrationId = entry.integrationId === undefined ? ownIntegration : entry.integrationId;
  const [row] = await tx.execute<{ id: string }>(sql`
    select audit.append(${entry.actor ?? actorOf(ctx.caller)}, ${integrationId}, ${entry.action}, ${entry.entity},
      ${entry.entityId}, ${entry.result}, ${entry.errorMessage ?? null}, ${entry.requestId ?? ctx.requestId},
      ${entry.occurrences ?? 1}::integer) as id`);
  if (row === undefined) throw new Error('audit.append answered nothing.');
  return row.id;
}

/** As {@link recordAudit}, many entries in one statement. */
export async function recordAudits(tx: Tx, ctx: Context, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const ownIntegration = ctx.caller.kind === 'integration' ? ctx.caller.integrationId : null;
  const rows = entries.map(({ integrationId = ownIntegration, ...entry }) => ({
    actor: entry.actor,
    integration_id: integrationId,
    action: entry.action,
    entity: entry.entity,
    entity_id: entry.entityId,
    result: entry.result,
    error_message: entry.errorMessage,
    request_id: entry.requestId,
    occurrences: entry.occurrences,
  }));
  await tx.execute(
    sql`select audit.append_all(${actorOf(ctx.caller)}, ${ctx.requestId}, ${JSON.stringify(rows)}::jsonb)`,
  );
}

/** For a refusal before the business transaction, or after it has rolled back: the entry in a transaction of its own. */
export const recordAuditAlone = (ctx: Context, entry: AuditEntry): Promise<string> =>
  ctx.db.transaction((tx) => recordAudit(tx, ctx, entry));
