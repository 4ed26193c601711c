import type { IntegrationCaller } from '@bridgework/kernel/context';
import type { Id } from '@bridgework/kernel/ids';
import type { ControlSnapshot } from '@bridgework/schema';
import type { Readiness } from '../documents/prepare-document.ts';
import type { ExecutableDocument } from '../graph/execute.ts';
import { type Network, parseNetworks } from './networks.ts';

export type KnownIntegration = ControlSnapshot['integrations'][number];

export interface KnownToken {
  readonly publicId: string;
  readonly secretHash: string;
  readonly pepperId: string;
  readonly status: 'ACTIVE' | 'REVOKED';
  /** Milliseconds since the epoch; null for a token without an end. */
  readonly expiresAt: number | null;
  /** Empty: any address. */
  readonly networks: readonly Network[];
  readonly integration: KnownIntegration | undefined;
  /** One object per token and generation, so that what is derived from it can be remembered by it. */
  readonly caller: IntegrationCaller;
}

/** What an integration finds under an id of its namespace. */
export type KnownDocument =
  | { readonly kind: 'ready'; readonly id: string; readonly deprecated: boolean; readonly document: ExecutableDocument }
  | { readonly kind: 'retired'; readonly id: string }
  /** Registered, but its text did not arrive or does not fit this gateway's graph. */
  | { readonly kind: 'broken'; readonly id: string };

/** Everything a request is judged by. Never changed once made; replaced as a whole. */
export interface Generation {
  readonly number: number;
  readonly issuedAt: Date;
  readonly tokens: ReadonlyMap<string, KnownToken>;
  /** Integration id → id or alias → document. */
  readonly documents: ReadonlyMap<string, ReadonlyMap<string, KnownDocument>>;
}

/**
 * Builds a generation. A document that `prepared` does not know yet is left out: the token part of a change (a
 * revocation) must not wait for the compilation of a document.
 */
export function buildGeneration(snapshot: ControlSnapshot, prepared: ReadonlyMap<string, Readiness>): Generation {
  const integrations = new Map(snapshot.integrations.map((integration) => [integration.id, integration]));
  const tokens = snapshot.tokens.map((token): KnownToken => {
    return {
      publicId: token.public_id,
      secretHash: token.secret_hash,
      pepperId: token.pepper_id,
      status: token.status,
      expiresAt: token.expires_at === null ? null : Date.parse(token.expires_at),
      networks: parseNetworks(token.allowed_cidrs),
      integration: integrations.get(token.integration_id),
      caller: {
        kind: 'integration',
        integrationId: token.integration_id as Id<'int'>,
        tokenId: token.id as Id<'tok'>,
        scopes: token.scopes,
        environment: snapshot.environment,
      },
    };
  });
  return {
    number: snapshot.generation,
    issuedAt: new Date(snapshot.issued_at),
    tokens: new Map(tokens.map((token) => [token.publicId, token])),
    documents: indexDocuments(snapshot, prepared),
  };
}

function indexDocuments(snapshot: ControlSnapshot, prepared: ReadonlyMap<string, Readiness>): Generation['documents'] {
  const namespaces = new Map<string, Map<string, KnownDocument>>();
  for (const entry of snapshot.documents) {
    const known = knownDocument(entry, prepared);
    if (known === undefined) continue;
    const namespace = namespaces.get(entry.integration_id) ?? new Map<string, KnownDocument>();
    namespaces.set(entry.integration_id, namespace);
    for (const alias of entry.aliases) if (!namespace.has(alias)) namespace.set(alias, known);
    namespace.set(entry.id, known);
  }
  return namespaces;
}

function knownDocument(
  entry: ControlSnapshot['documents'][number],
  prepared: ReadonlyMap<string, Readiness>,
): KnownDocument | undefined {
  if (entry.status === 'RETIRED') return { kind: 'retired', id: entry.id };
  if (entry.status === 'BROKEN') return { kind: 'broken', id: entry.id };
  // Made ready and reported, but nobody's to call before it is ACTIVE.
  if (entry.status === 'APPROVED') return undefined;
  const readiness = prepared.get(entry.id);
  if (readiness === undefined) return undefined;
  if (!readiness.ok) return { kind: 'broken', id: entry.id };
  return { kind: 'ready', id: entry.id, deprecated: entry.status === 'DEPRECATED', document: readiness.document };
}
