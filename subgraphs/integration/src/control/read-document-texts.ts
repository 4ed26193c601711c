import type { Db } from '@bridgework/kernel/database';
import { type DocumentTexts, DocumentTextsRequest } from '@bridgework/schema';
import { and, inArray } from 'drizzle-orm';
import { parseInput } from '../input.ts';
import { documents } from '../tables.ts';

/** The texts a gateway asks for by hash; what is not (or no longer) callable is left out. Throws VALIDATION_FAILED. */
export async function readDocumentTexts(db: Db, body: unknown): Promise<DocumentTexts> {
  const { ids } = parseInput(DocumentTextsRequest, body);
  if (ids.length === 0) return { documents: [] };
  const rows = await db
    .selectDistinctOn([documents.hash], { id: documents.hash, text: documents.text })
    .from(documents)
    .where(and(inArray(documents.hash, ids), inArray(documents.status, ['ACTIVE', 'DEPRECATED', 'APPROVED'])));
  return { documents: rows };
}
