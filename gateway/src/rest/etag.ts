import { createHash } from 'node:crypto';

/** A strong validator of exactly these bytes. @see RFC 9110, 8.8.3 */
export const strongEtag = (body: string): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;

/**
 * Whether `If-None-Match` names this validator, so that 304 answers. The comparison is weak, as RFC 9110 (13.1.2) asks:
 * a cache on the way may have marked our tag `W/`.
 */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return (ifNoneMatch.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? []).some(
    (tag) => tag.replace(/^W\//, '') === etag,
  );
}
