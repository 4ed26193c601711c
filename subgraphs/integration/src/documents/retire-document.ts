import { recordAudit } from '@bridgework/kernel/audit';
import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { and, asc, eq, inArray, max, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput, reason } from '../input.ts';
import { lockIntegration } from '../integrations/find-integrations.ts';
import { managerStep } from '../manager-step.ts';
import { documentSets, documents, documentUses } from '../tables.ts';
import { type DocumentRow, type DocumentStatus, type PersistedDocument, toDocument } from './document-set.ts';

const DeprecateDocument = z.object({ integrationId: z.string(), id: z.string() });
const RetireDocument = DeprecateDocument.extend({ reason, force: z.boolean().default(false) });

/** A document that was called within these days is somebody's; retiring it would break them. */
const PROTECTED_DAYS = 7;
const DAY_MS = 86_400_000;

/** Says that an active document will be retired; it goes on working. Throws NOT_FOUND, CONFLICT. */
export async function deprecateDocument(ctx: Context, args: unknown): Promise<PersistedDocument> {
  const { integrationId, id } = parseInput(DeprecateDocument, args);
  return change(ctx, { integrationId, id, action: 'document.deprecate', from: ['ACTIVE'] }, async () => ({
    status: 'DEPRECATED',
  }));
}

/**
 * Ends a document: its owner is answered 410 from now on, for good. One that was called within the last seven days is
 * ended only with `force`, and the audit log says that it was.
 *
 * Throws NOT_FOUND, CONFLICT when it is not callable or was called lately.
 */
export async function retireDocument(ctx: Context, args: unknown): Promise<PersistedDocument> {
  const { integrationId, id, reason, force } = parseInput(RetireDocument, args);
  const asked = { integrationId, id, action: 'document.retire', from: ['ACTIVE', 'DEPRECATED', 'BROKEN'] as const };
  return change(ctx, asked, async (tx, rows, actor) => {
    const lastUsedAt = await lastUse(tx, rows);
    if (lastUsedAt !== null && ctx.now().getTime() - lastUsedAt.getTime() < PROTECTED_DAYS * DAY_MS) {
      if (!force) {
        throw new DomainError('CONFLICT', {
          detail: `It was last called at ${lastUsedAt.toISOString()}, within the last ${PROTECTED_DAYS} days. With force it is retired all the same.`,
        });
      }
      const entry = { action: 'document.force_retirement', entity: 'document', entityId: id, integrationId };
      await recordAudit(tx, ctx, {
        ...entry,
        result: 'OK',
        errorMessage: `Last called at ${lastUsedAt.toISOString()}.`,
      });
    }
    return { status: 'RETIRED', retiredAt: ctx.now(), retiredBy: actor, retiredReason: reason };
  });
}

interface Asked {
  readonly integrationId: string;
  readonly id: string;
  readonly action: string;
  readonly from: readonly DocumentStatus[];
}

type Change = Partial<DocumentRow> & { readonly status: DocumentStatus };

/** A text may stand in several sets of its integration: all of them change together. */
async function change(
  ctx: Context,
  { integrationId, id, action, from }: Asked,
  judge: (tx: Tx, rows: readonly DocumentRow[], actor: string) => Promise<Change>,
): Promise<PersistedDocument> {
  const step = { action, entity: 'document', entityId: id, integrationId };
  return managerStep(ctx, step, async (tx, manager) => {
    const integration = await lockIntegration(tx, integrationId);
    const all = await lockDocuments(tx, integration.key, id);
    const [newest] = all.toReversed();
    if (newest === undefined) throw new DomainError('NOT_FOUND');
    const rows = all.filter(({ status }) => from.includes(status));
    if (rows.length === 0) {
      throw new DomainError('CONFLICT', {
        detail: `The document is ${newest.status}; this needs ${from.join(' or ')}.`,
      });
    }
    const changes = await judge(tx, rows, actorOf(manager));
    const changed = await tx
      .update(documents)
      .set(changes)
      .where(
        inArray(
          documents.key,
          rows.map(({ key }) => key),
        ),
      )
      .returning();
    const setKeys = [...new Set(rows.map(({ documentSetKey }) => documentSetKey))];
    await followDocuments(tx, setKeys);
    const last = changed.reduce((one, other) => (other.key > one.key ? other : one), changed[0] ?? newest);
    const [set] = await tx
      .select({ id: documentSets.id, version: documentSets.version, key: documentSets.key })
      .from(documentSets)
      .where(eq(documentSets.key, last.documentSetKey));
    if (set === undefined) throw new Error('A document has no set.');
    return { result: toDocument(last, { ...set, integrationId }) };
  });
}

/** Sets before documents, in the order of keys: everybody locks so. */
async function lockDocuments(tx: Tx, integrationKey: number, hash: string): Promise<DocumentRow[]> {
  const ofDocument = and(eq(documents.integrationKey, integrationKey), eq(documents.hash, hash));
  await tx
    .select({ key: documentSets.key })
    .from(documentSets)
    .where(inArray(documentSets.key, tx.select({ key: documents.documentSetKey }).from(documents).where(ofDocument)))
    .orderBy(asc(documentSets.key))
    .for('update');
  return tx.select().from(documents).where(ofDocument).orderBy(asc(documents.key)).for('update');
}

/** A set is deprecated when none of its documents is active any more, and retired when none can be called. */
export async function followDocuments(tx: Tx, setKeys: readonly number[]): Promise<void> {
  await tx.execute(sql`
    update integration.document_sets as followed set status = coming.status
    from (
      select document_set_key as key, case
        when bool_and(status = 'RETIRED') then 'RETIRED'
        when bool_or(status = 'BROKEN') then 'BROKEN'
        when bool_and(status in ('DEPRECATED', 'RETIRED')) then 'DEPRECATED' end as status
      from integration.documents
      where document_set_key = any (${`{${setKeys.join(',')}}`}::bigint[]) group by document_set_key
    ) as coming
    where followed.key = coming.key and coming.status is not null and coming.status <> followed.status
      and followed.status in ('ACTIVE', 'DEPRECATED', 'BROKEN')
      and not (followed.status = 'BROKEN' and coming.status = 'DEPRECATED')`);
}

async function lastUse(tx: Tx, rows: readonly DocumentRow[]): Promise<Date | null> {
  const [found] = await tx
    .select({ at: max(documentUses.lastUsedAt) })
    .from(documentUses)
    .where(
      inArray(
        documentUses.documentKey,
        rows.map(({ key }) => key),
      ),
    );
  return found?.at ?? null;
}
