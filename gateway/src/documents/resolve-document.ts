import { DomainError } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { Generation, KnownDocument } from '../control/generation.ts';

type Ready = Extract<KnownDocument, { kind: 'ready' }>;

/**
 * The document behind an id, in the namespace of the token's integration. An id that exists elsewhere is as unknown as
 * one that exists nowhere. Throws PERSISTED_DOCUMENT_NOT_FOUND, DOCUMENT_RETIRED or TEMPORARILY_UNAVAILABLE.
 */
export function resolveDocument(generation: Generation, caller: SignedCaller, id: string): Ready {
  const namespace = caller.kind === 'integration' ? generation.documents.get(caller.integrationId) : undefined;
  const known = namespace?.get(id);
  switch (known?.kind) {
    case 'ready':
      return known;
    case 'retired':
      throw new DomainError('DOCUMENT_RETIRED');
    case 'broken':
      throw new DomainError('TEMPORARILY_UNAVAILABLE', {
        detail: 'The document does not fit the graph at the moment; the clinic has been told.',
        retryAfterSeconds: 60,
      });
    case undefined:
      throw new DomainError('PERSISTED_DOCUMENT_NOT_FOUND');
  }
}
