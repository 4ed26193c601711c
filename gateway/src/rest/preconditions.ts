import { DomainError } from '@bridgework/kernel/errors';
import { strongEtag } from './etag.ts';

/**
 * The validator of something that is changed under If-Match: the version a change is judged by, and a hash, since a strong
 * validator names exactly these bytes and not everything shown is part of the version. @see RFC 9110, 8.8.3
 */
export const versionedEtag = (version: number, body: string): string => `"v${version}-${strongEtag(body).slice(1)}`;

const VERSIONED = /^"v([0-9]{1,9})-[\w-]{27}"$/;

/**
 * The version that a change was made from.
 *
 * @throws DomainError PRECONDITION_REQUIRED without the header or with `*`, which names no version; PRECONDITION_FAILED for
 *   a validator that no answer of ours carried.
 */
export function readIfMatch(header: string | undefined): number {
  const given = header?.trim() ?? '';
  if (given === '' || given === '*') {
    throw new DomainError('PRECONDITION_REQUIRED', { detail: 'Send the ETag you have read as If-Match.' });
  }
  const version = VERSIONED.exec(given)?.[1];
  if (version === undefined) throw new DomainError('PRECONDITION_FAILED');
  return Number(version);
}
