import type { Logger } from '@bridgework/kernel/logger';
import type { ControlSnapshot } from '@bridgework/schema';
import type { ReadyDocuments } from './ready-documents.ts';
import type { RegistryClient } from './registry-client.ts';

const TEXTS_PER_REQUEST = 500;

/** Fetches the texts that the snapshot names and that are not here yet. Never throws: what did not come is asked for again. */
export async function fetchTexts(
  snapshot: ControlSnapshot,
  documents: ReadyDocuments,
  options: { readonly client: Pick<RegistryClient, 'documentTexts'>; readonly log: Logger },
): Promise<void> {
  const missing = documents.missing(snapshot);
  try {
    for (let from = 0; from < missing.length; from += TEXTS_PER_REQUEST) {
      const texts = await options.client.documentTexts(missing.slice(from, from + TEXTS_PER_REQUEST));
      for (const { id, text } of texts) {
        if (!documents.takeText(id, text)) options.log.error({ document: id }, 'document_text.refused');
      }
    }
  } catch (error) {
    // The registry signs anew every fifteen seconds, and what is missing then is asked for again.
    options.log.error({ err: error, missing: missing.length }, 'document_texts.missing');
  }
}
