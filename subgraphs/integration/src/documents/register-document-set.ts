import { createHash } from 'node:crypto';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import type { Scope } from '@bridgework/schema';
import { and, arrayOverlaps, eq, max, notInArray, sql } from 'drizzle-orm';
import { z } from 'zod';
import { currentGraph } from '../graph.ts';
import { idempotencyKey, parseInput, prose } from '../input.ts';
import { integrationById, lockIntegration } from '../integrations/find-integrations.ts';
import { demandStatus, type IntegrationRow } from '../integrations/integration.ts';
import { auditingRefusals, auditRefusal, createOnce } from '../manager-step.ts';
import { approvals, documentSets, documents } from '../tables.ts';
import type { DocumentSet } from './document-set.ts';
import { type DocumentFinding, examineManifest, findForbidden } from './examine-manifest.ts';
import { documentSetById } from './find-documents.ts';
import { judgeByPolicy } from './judge-by-policy.ts';
import { type Manifest, parseManifest } from './manifest.ts';

const RegisterDocumentSet = z.object({
  integrationId: z.string(),
  name: prose(100),
  manifest: z.string(),
  dryRun: z.boolean().default(false),
  idempotencyKey,
});
type RegisterDocumentSet = z.output<typeof RegisterDocumentSet>;

export interface Registration {
  readonly documentSet: DocumentSet | null;
  readonly documents: readonly DocumentFinding[];
  readonly valid: boolean;
}

/**
 * Examines a manifest and, when every document is fit, stores it as a set that waits for approval, or is approved at once
 * where the integration's policy allows it. The same manifest again is the same set, and whoever sends it has submitted it
 * too; once it was rejected, retired or broken it is a new one. Nothing is stored of a dry run or of a manifest with
 * faults; the findings say what they are.
 *
 * Throws VALIDATION_FAILED and PAYLOAD_TOO_LARGE for a manifest that cannot be read, NOT_FOUND, CONFLICT for an
 * integration that was never approved, IDEMPOTENCY_KEY_REUSED.
 */
export async function registerDocumentSet(ctx: Context, args: unknown): Promise<Registration> {
  const input = parseInput(RegisterDocumentSet, args);
  const step = { action: 'document_set.register', entity: 'document_set', integrationId: input.integrationId };
  const { manifest, findings } = await auditingRefusals(ctx, { ...step, entityId: null }, async () => {
    const manifest = parseManifest(input.manifest);
    const integration = await integrationById(ctx, ctx.db, input.integrationId);
    demandStatus(integration, ['ACTIVE', 'PAUSED']);
    return { manifest, findings: await examineManifest(manifest.entries, integration.approvedScopes) };
  });
  const valid = findings.every(({ errors }) => errors.length === 0);
  if (input.dryRun) return { documentSet: null, documents: findings, valid };
  if (!valid) {
    const faulty = findings.filter(({ errors }) => errors.length > 0);
    const error = new DomainError('GRAPHQL_VALIDATION_FAILED', { detail: `${faulty.length} documents have faults.` });
    await auditRefusal(ctx, { ...step, entityId: null }, error);
    return { documentSet: null, documents: findings, valid };
  }
  const { name, manifest: source, idempotencyKey, integrationId } = input;
  const documentSet = await createOnce(
    ctx,
    step,
    { operation: 'registerDocumentSet', idempotencyKey, input: { integrationId, name, manifest: source } },
    async (tx, manager) => {
      const integration = await lockIntegration(tx, integrationId);
      const id = await store(tx, integration, input, manifest, findings, actorOf(manager));
      return { id, integrationId, result: await documentSetById(tx, id) };
    },
    (tx, id) => documentSetById(tx, id),
  );
  return { documentSet, documents: findings, valid };
}

async function store(
  tx: Tx,
  integration: IntegrationRow,
  input: RegisterDocumentSet,
  manifest: Manifest,
  findings: readonly DocumentFinding[],
  registeredBy: string,
): Promise<string> {
  const contentSha256 = createHash('sha256').update(input.manifest, 'utf8').digest('hex');
  const ofIntegration = eq(documentSets.integrationKey, integration.key);
  const [known] = await tx
    .select({ key: documentSets.key, id: documentSets.id, submittedBy: documentSets.submittedBy })
    .from(documentSets)
    .where(
      and(
        ofIntegration,
        eq(documentSets.contentSha256, contentSha256),
        notInArray(documentSets.status, ['REJECTED', 'RETIRED', 'BROKEN']),
      ),
    )
    .for('update');
  if (known !== undefined) {
    await addSubmitter(tx, known, registeredBy);
    return known.id;
  }
  demandStatus(integration, ['ACTIVE', 'PAUSED']);
  demandStillGranted(integration, findings);
  await demandFreeAliases(tx, integration.key, manifest);
  const [last] = await tx
    .select({ version: max(documentSets.version) })
    .from(documentSets)
    .where(ofIntegration);
  const byPolicy = (await judgeByPolicy(tx, integration, manifest, findings)).length === 0;
  const status = byPolicy ? 'VALIDATED' : 'PENDING_APPROVAL';
  const [set] = await tx
    .insert(documentSets)
    .values({
      integrationKey: integration.key,
      name: input.name,
      version: (last?.version ?? 0) + 1,
      format: manifest.format.toUpperCase().replace('-', '_'),
      contentSha256,
      status,
      documentCount: new Set(manifest.entries.map(({ id }) => id)).size,
      supergraphSha256: currentGraph().supergraphSha256,
      registeredBy,
    })
    .returning({ key: documentSets.key, id: documentSets.id });
  if (set === undefined) throw new Error('An insert returned nothing.');
  await insertDocuments(tx, { documentSetKey: set.key, integrationKey: integration.key, status }, manifest, findings);
  if (byPolicy) await approveByPolicy(tx, set.key);
  else await askForApproval(tx, integration.key, set.id, registeredBy, input.name);
  return set.id;
}

/** Who hands the same manifest in has submitted it too, and cannot decide about it. */
async function addSubmitter(
  tx: Tx,
  { key, submittedBy }: { readonly key: number; readonly submittedBy: readonly string[] },
  actor: string,
): Promise<void> {
  if (submittedBy.includes(actor)) return;
  await tx
    .update(documentSets)
    .set({ submittedBy: sql`array_append(${documentSets.submittedBy}, ${actor})` })
    .where(and(eq(documentSets.key, key), eq(documentSets.status, 'PENDING_APPROVAL')));
}

async function approveByPolicy(tx: Tx, setKey: number): Promise<void> {
  await tx.update(documentSets).set({ status: 'APPROVED', approvedByPolicy: true }).where(eq(documentSets.key, setKey));
  await tx.update(documents).set({ status: 'APPROVED' }).where(eq(documents.documentSetKey, setKey));
}

/** The scopes may have changed between the examination and the lock. */
function demandStillGranted(integration: IntegrationRow, findings: readonly DocumentFinding[]): void {
  const errors = findings.flatMap(({ analysis }) =>
    analysis === null ? [] : findForbidden(analysis, integration.approvedScopes as Scope[]),
  );
  if (errors.length > 0) throw new DomainError('CONFLICT', { detail: errors.join(' ') });
}

/** A client's own key names one document in its integration, whichever set brought it. */
async function demandFreeAliases(tx: Tx, integrationKey: number, { entries }: Manifest): Promise<void> {
  const wanted = new Map(entries.flatMap(({ alias, id }) => (alias === null ? [] : [[alias, id] as const])));
  if (wanted.size === 0) return;
  const holders = await tx
    .select({ hash: documents.hash, aliases: documents.aliases })
    .from(documents)
    .where(
      and(
        eq(documents.integrationKey, integrationKey),
        notInArray(documents.status, ['REJECTED', 'RETIRED']),
        arrayOverlaps(documents.aliases, [...wanted.keys()]),
      ),
    );
  const errors = holders.flatMap(({ hash, aliases }) =>
    aliases
      .filter((alias) => wanted.has(alias) && wanted.get(alias) !== hash)
      .map((alias) => ({
        pointer: entries.find((entry) => entry.alias === alias)?.pointer ?? '',
        code: 'alias-taken',
        detail: `The key '${alias}' already names another document of this integration.`,
      })),
  );
  if (errors.length > 0) throw new DomainError('VALIDATION_FAILED', { errors });
}

async function insertDocuments(
  tx: Tx,
  owner: Pick<typeof documents.$inferInsert, 'documentSetKey' | 'integrationKey' | 'status'>,
  { entries }: Manifest,
  findings: readonly DocumentFinding[],
): Promise<void> {
  const analyses = new Map(findings.map(({ id, analysis }) => [id, analysis]));
  const texts = new Map(entries.map(({ id, text }) => [id, text]));
  const rows = [...texts].flatMap(([hash, text]) => {
    const analysis = analyses.get(hash);
    if (analysis === null || analysis === undefined) return [];
    const aliases = entries.flatMap(({ id, alias }) => (id === hash && alias !== null ? [alias] : []));
    const { name, operation: operationType } = analysis;
    return [{ ...owner, hash, name, operationType, text, aliases, analysis }];
  });
  for (let from = 0; from < rows.length; from += 100) {
    await tx.insert(documents).values(rows.slice(from, from + 100));
  }
}

async function askForApproval(
  tx: Tx,
  integrationKey: number,
  documentSetId: string,
  requestedBy: string,
  name: string,
): Promise<void> {
  await tx.insert(approvals).values({
    integrationKey,
    kind: 'DOCUMENT_SET',
    documentSetId,
    justification: `Document set ${name}`,
    requestedBy,
  });
}
