import { raiseAlert } from '@bridgework/kernel/alerts';
import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import {
  type Analysis,
  type ApprovedDocument,
  BrokenDocuments,
  type DocumentContracts,
  DocumentContractsRequest,
  findBreaks,
  type Graph,
} from '@bridgework/schema';
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { parseInput } from '../input.ts';
import { documentSets, documents, integrations } from '../tables.ts';
import { readAnalysis } from './document-set.ts';
import { followDocuments } from './retire-document.ts';

const CALLABLE = ['ACTIVE', 'DEPRECATED'] as const;

/** Whose a callable document is, when it was last called, and what it was approved as. */
export interface Contract extends Omit<DocumentContracts['contracts'][number], 'approved'> {
  readonly approved: ApprovedDocument;
}

/** Of every callable document, or of those with these hashes. One for each integration that has it. */
export async function readContracts(db: Db | Tx, hashes?: readonly string[]): Promise<readonly Contract[]> {
  const rows = await db
    .select({
      documentId: documents.hash,
      name: documents.name,
      text: documents.text,
      analysis: documents.analysis,
      integrationId: integrations.id,
      integrationName: integrations.name,
      internalOwner: integrations.internalOwner,
      lastUsedAt: sql<string | null>`(
        select to_char(max(last_used_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        from integration.document_uses where document_key = ${documents.key})`,
    })
    .from(documents)
    .innerJoin(integrations, eq(integrations.key, documents.integrationKey))
    .where(
      and(
        inArray(documents.status, [...CALLABLE]),
        inArray(integrations.status, ['ACTIVE', 'PAUSED', 'DEPRECATED']),
        hashes === undefined ? undefined : inArray(documents.hash, [...hashes]),
      ),
    )
    .orderBy(asc(documents.key));
  // Of several sets the newest: it was approved last.
  const newest = new Map(rows.map((row) => [`${row.integrationId} ${row.documentId}`, row]));
  return [...newest.values()].map((row) => ({
    document_id: row.documentId,
    name: row.name,
    text: row.text,
    integration_id: row.integrationId,
    integration_name: row.integrationName,
    internal_owner: row.internalOwner,
    last_used_at: row.lastUsedAt,
    approved: approvedAs(readAnalysis(row)),
  }));
}

const approvedAs = ({ scopes, manager, piiClasses, worstCost, contract }: Analysis): ApprovedDocument => ({
  // Rows from before this was analysed lack some of it.
  ...{ scopes, manager, piiClasses: piiClasses ?? [], worstCost: worstCost ?? 0 },
  ...(contract === undefined ? {} : { contract }),
});

/** What a gateway asks for when it starts, to judge documents by its own graph. Throws VALIDATION_FAILED. */
export async function answerContracts(db: Db, body: unknown): Promise<{ readonly contracts: readonly Contract[] }> {
  const { ids } = parseInput(DocumentContractsRequest, body);
  return { contracts: ids.length === 0 ? [] : await readContracts(db, ids) };
}

export interface BrokenContract extends Contract {
  readonly reasons: readonly string[];
}

/** Those of the contracts that this graph breaks. */
export const findBroken = (graph: Graph, contracts: readonly Contract[]): readonly BrokenContract[] =>
  contracts.flatMap((contract) => {
    const reasons = findBreaks(graph, contract.text, contract.approved);
    return reasons.length === 0 ? [] : [{ ...contract, reasons }];
  });

/**
 * Takes from a gateway that was told to go on without them the documents that its graph breaks: BROKEN, audited, and told
 * to the managers. Throws VALIDATION_FAILED.
 */
export async function breakDocuments(ctx: Context, body: unknown): Promise<{ readonly broken: number }> {
  const report = parseInput(BrokenDocuments, body);
  return ctx.db.transaction(async (tx) => {
    let broken = 0;
    for (const { document_id, integration_id, reasons } of report.documents) {
      broken += await breakDocument(tx, ctx, document_id, integration_id, reasons);
    }
    return { broken };
  });
}

async function breakDocument(
  tx: Tx,
  ctx: Context,
  hash: string,
  integrationId: string,
  reasons: readonly string[],
): Promise<number> {
  const [integration] = await tx
    .select({ key: integrations.key, name: integrations.name })
    .from(integrations)
    .where(eq(integrations.id, integrationId));
  if (integration === undefined) return 0;
  const callable = and(
    eq(documents.integrationKey, integration.key),
    eq(documents.hash, hash),
    inArray(documents.status, [...CALLABLE]),
  );
  await tx
    .select({ key: documentSets.key })
    .from(documentSets)
    .where(inArray(documentSets.key, tx.select({ key: documents.documentSetKey }).from(documents).where(callable)))
    .orderBy(asc(documentSets.key))
    .for('update');
  const rows = await tx
    .update(documents)
    .set({ status: 'BROKEN', brokenAt: ctx.now(), brokenBecause: reasons.map((one) => one.slice(0, 500)) })
    .where(callable)
    .returning({ name: documents.name, setKey: documents.documentSetKey });
  const [first] = rows;
  if (first === undefined) return 0;
  await followDocuments(
    tx,
    rows.map(({ setKey }) => setKey),
  );
  const detail = `${first.name} of ${integration.name} no longer fits the graph and is not served: ${reasons.join(' ')}`;
  const about = { entity: 'document', entityId: hash };
  await raiseAlert(tx, { kind: 'document.broken', ...about, detail, windowSeconds: 3_600 });
  await recordAudit(tx, ctx, {
    action: 'document.break',
    ...about,
    integrationId,
    result: 'FAILED',
    errorMessage: detail.slice(0, 500),
  });
  return 1;
}
