import type { KeyObject } from 'node:crypto';

/** What a good signature proves: who signed, and what was signed. It proves nothing of whether that is still in force. */
export interface ProvenHeader<Claims> {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly claims: Claims;
}

/**
 * Headers of queries whose signature was verified, by their whole text. Only the signature is not verified again: every
 * claim is judged at each request, and a key that is no longer trusted takes its headers with it.
 */
export interface ProvenHeaders<Claims> {
  find(header: string): ProvenHeader<Claims> | undefined;
  /** Takes a query's header that was accepted; what it says of the caller cannot be changed from now on. */
  keep(header: string, proven: ProvenHeader<Claims>, nowSeconds: number): void;
}

const MAX_KEPT = 1000;

export function createProvenHeaders<Claims extends { readonly use: string; readonly exp: number }>(
  maxKept: number = MAX_KEPT,
): ProvenHeaders<Claims> {
  const kept = new Map<string, ProvenHeader<Claims>>();
  return {
    find: (header) => kept.get(header),
    keep(header, proven, nowSeconds) {
      if (proven.claims.use !== 'query') return;
      freeze(proven.claims);
      // Insertion order is close to expiry order: all headers live equally long.
      for (const [text, { claims }] of kept) {
        if (claims.exp > nowSeconds && kept.size < maxKept) break;
        kept.delete(text);
      }
      kept.set(header, proven);
    },
  };
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}
