import { raiseAlert } from '@bridgework/kernel/alerts';
import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { ERRORS, isErrorCode } from '@bridgework/kernel/errors';
import { ControlReport } from '@bridgework/schema';
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { continueActivation } from '../documents/activate-document-set.ts';
import { parseInput } from '../input.ts';
import { controlReports, documentSets, documents, integrations } from '../tables.ts';
import { alertAboutTokens } from './alert-about-tokens.ts';

/** The audit log takes no other actions; a report it could not take must be refused, not tried again for ever. */
const AuditableReport = ControlReport.refine(
  ({ refusals }) => refusals.every(({ action }) => /^[a-z_]+\.[a-z_]+$/.test(action)),
  { message: 'names an action that is not noun.verb', path: ['refusals'] },
);

export type Reported = { readonly applied: boolean };

/**
 * Takes in what a gateway has seen: refusals into the audit log, uses into the counters, what it could and could not
 * make ready. One transaction; a batch that comes again changes nothing and is answered alike.
 *
 * Throws VALIDATION_FAILED.
 */
export async function applyReport(ctx: Context, body: unknown): Promise<Reported> {
  const report = parseInput(AuditableReport, body);
  return ctx.db.transaction(async (tx) => {
    const [fresh] = await tx
      .insert(controlReports)
      .values({ batchId: report.batch_id, gatewayId: report.gateway_id })
      .onConflictDoNothing()
      .returning({ batchId: controlReports.batchId });
    if (fresh === undefined) return { applied: false };
    await auditRefused(tx, report.refusals);
    await alertAboutTokens(tx, report.refusals);
    await countUses(tx, report.uses);
    await keepRequests(tx, report.requests);
    await noteCompiled(tx, ctx, report.compiled);
    return { applied: true };
  });
}

/** All in one statement; each keeps the actor, the request and the instant that the gateway saw. */
async function auditRefused(tx: Tx, refusals: ControlReport['refusals']): Promise<void> {
  if (refusals.length === 0) return;
  const rows = refusals.map(({ code, message, ...refusal }) => ({
    ...refusal,
    result: isDenial(code) ? 'DENIED' : 'REJECTED',
    error_message: `${code}: ${message}`,
  }));
  await tx.execute(sql`
    select audit.append_refusal(occurred_at, actor, integration_id, action, entity, entity_id, result, error_message,
      request_id, count)
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as refusal (occurred_at timestamptz, actor text,
      integration_id text, action text, entity text, entity_id text, result text, error_message text, request_id text,
      count integer)`);
}

/** Who you are, or what you may: 401, 403, and the 404 and 410 that hide what is not yours. */
function isDenial(code: string): boolean {
  return isErrorCode(code) && [401, 403, 404, 410].includes(ERRORS[code].status);
}

/** Uses of tokens that are gone are dropped: nothing is left to count them on. */
async function countUses(tx: Tx, uses: ControlReport['uses']): Promise<void> {
  if (uses.length === 0) return;
  const rows = JSON.stringify(uses);
  // In a fixed order, or two gateways' batches could wait for each other.
  await tx.execute(sql`
    insert into integration.token_uses (token_key, operation, use_count, last_used_at)
    select token.key, use.operation, sum(use.count), max(use.last_used_at)
    from jsonb_to_recordset(${rows}::text::jsonb)
      as use (token_id text, operation text, count bigint, last_used_at timestamptz)
    join integration.tokens token on token.id = use.token_id
    group by token.key, use.operation
    order by token.key, use.operation
    on conflict (token_key, operation) do update
    set use_count = token_uses.use_count + excluded.use_count,
      last_used_at = greatest(token_uses.last_used_at, excluded.last_used_at)`);
  await tx.execute(sql`
    insert into integration.document_uses (document_key, token_key, use_count, last_used_at)
    select document.key, token.key, sum(use.count), max(use.last_used_at)
    from jsonb_to_recordset(${rows}::text::jsonb)
      as use (token_id text, operation text, count bigint, last_used_at timestamptz)
    join integration.tokens token on token.id = use.token_id
    join lateral (
      select key from integration.documents
      where integration_key = token.integration_key and hash = use.operation
      order by status in ('ACTIVE', 'DEPRECATED') desc, key desc
      limit 1
    ) document on true
    group by document.key, token.key
    order by document.key, token.key
    on conflict (document_key, token_key) do update
    set use_count = document_uses.use_count + excluded.use_count,
      last_used_at = greatest(document_uses.last_used_at, excluded.last_used_at)`);
}

/** For seven days; see findOwnRequests. */
async function keepRequests(tx: Tx, requests: ControlReport['requests']): Promise<void> {
  if (requests.length === 0) return;
  await tx.execute(sql`
    insert into integration.rest_requests (id, integration_key, token_key, method, route, status, problem, received_at,
      duration_ms)
    select request_id, token.integration_key, token.key, method, route, request.status, problem, received_at, duration_ms
    from jsonb_to_recordset(${JSON.stringify(requests)}::text::jsonb) as request (request_id text, token_id text, method text,
      route text, status smallint, problem text, received_at timestamptz, duration_ms integer)
    join integration.tokens token on token.id = request.token_id
    on conflict (id) do nothing`);
}

/**
 * What gateways could make ready. A document that is known to compile is left alone: every statement on documents is a
 * change that all gateways read, and each of them reports every document.
 */
async function noteCompiled(tx: Tx, ctx: Context, compiled: ControlReport['compiled']): Promise<void> {
  const waiting = new Map<number, string>();
  for (const { document_id, integration_id, ok, error } of compiled) {
    const compileError = ok ? null : (error ?? 'unknown').slice(0, 500);
    const rows = await findDocuments(tx, integration_id, document_id);
    const changed = rows.filter((row) => row.compileError !== compileError || (ok && row.compiledAt === null));
    if (changed.length === 0) continue;
    const keys = changed.map(({ key }) => key);
    const setKeys = changed.map(({ setKey }) => setKey);
    for (const key of setKeys) waiting.set(key, integration_id);
    // Sets before documents: everybody locks in this order.
    await lockSets(tx, setKeys);
    const compiledAt = ok ? { compiledAt: ctx.now() } : {};
    await tx
      .update(documents)
      .set({ compileError, ...compiledAt })
      .where(inArray(documents.key, keys));
    if (compileError === null) continue;
    const about = { entity: 'document', entityId: document_id };
    const detail = `${document_id} of ${integration_id} cannot be compiled: ${compileError}`;
    await raiseAlert(tx, { kind: 'document.not_compiled', ...about, detail });
    const entry = { action: 'document.compile', ...about, integrationId: integration_id };
    await recordAudit(tx, ctx, { ...entry, result: 'FAILED', errorMessage: compileError });
  }
  if (waiting.size === 0) return;
  for (const set of await lockSets(tx, [...waiting.keys()])) {
    if (set.status !== 'APPROVED' || set.activationRequestedAt === null) continue;
    await continueActivation(tx, ctx, set, waiting.get(set.key) ?? '');
  }
}

const findDocuments = (tx: Tx, integrationId: string, hash: string) =>
  tx
    .select({
      key: documents.key,
      setKey: documents.documentSetKey,
      compiledAt: documents.compiledAt,
      compileError: documents.compileError,
    })
    .from(documents)
    .innerJoin(integrations, eq(integrations.key, documents.integrationKey))
    .where(
      and(
        eq(integrations.id, integrationId),
        eq(documents.hash, hash),
        inArray(documents.status, ['APPROVED', 'ACTIVE', 'DEPRECATED']),
      ),
    )
    .orderBy(asc(documents.key));

const lockSets = (tx: Tx, keys: readonly number[]) =>
  tx
    .select()
    .from(documentSets)
    .where(inArray(documentSets.key, [...keys]))
    .orderBy(asc(documentSets.key))
    .for('update');
