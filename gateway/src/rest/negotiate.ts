import { DomainError } from '@bridgework/kernel/errors';

/**
 * Whether `Accept` admits JSON. The most specific range decides (RFC 9110, 12.5.1): `application/json;q=0, *\/*` does not.
 *
 * @throws DomainError NOT_ACCEPTABLE
 */
export function requireJsonAccepted(accept: string | undefined): void {
  if (qualityOf(accept, 'application/json') > 0) return;
  throw new DomainError('NOT_ACCEPTABLE', { detail: 'Send Accept: application/json.' });
}

/** @throws DomainError NOT_ACCEPTABLE when `Accept` excludes HTML. */
export function requireHtmlAccepted(accept: string | undefined): void {
  if (qualityOf(accept, 'text/html') > 0) return;
  throw new DomainError('NOT_ACCEPTABLE', { detail: 'Send Accept: text/html.' });
}

/** @throws DomainError NOT_ACCEPTABLE when `Accept` excludes every one of these types. */
export function requireOneAccepted(accept: string | undefined, types: readonly string[]): void {
  if (types.some((type) => qualityOf(accept, type) > 0)) return;
  throw new DomainError('NOT_ACCEPTABLE', { detail: `Send Accept: ${types.join(', ')}.` });
}

/** Whether HTML is asked for by name and no less than JSON: a browser, and no client that takes anything. */
export function prefersHtml(accept: string | undefined): boolean {
  const asked = (accept ?? '').toLowerCase().includes('text/html');
  return asked && qualityOf(accept, 'text/html') >= qualityOf(accept, 'application/json');
}

function qualityOf(accept: string | undefined, type: string): number {
  if (accept === undefined || accept.trim() === '') return 1;
  const ranges = accept.split(',').map(readRange);
  for (const name of [type, type.replace(/\/.*$/, '/*'), '*/*']) {
    const range = ranges.find((one) => one.name === name);
    if (range !== undefined) return range.quality;
  }
  return 0;
}

/**
 * @throws DomainError UNSUPPORTED_MEDIA_TYPE unless the body is declared as plain (not compressed) JSON in UTF-8.
 */
export function requireJsonBody(contentType: string | undefined, contentEncoding: string | undefined): void {
  const [name, ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((one) => one.startsWith('charset='))?.replace(/^charset="?([^"]*)"?$/, '$1');
  const encoding = contentEncoding?.trim().toLowerCase() ?? 'identity';
  if (name === 'application/json' && (charset === undefined || charset === 'utf-8') && encoding === 'identity') return;
  throw new DomainError('UNSUPPORTED_MEDIA_TYPE', {
    detail: 'Send Content-Type: application/json, in UTF-8, not compressed.',
  });
}

function readRange(text: string): { name: string; quality: number } {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const quality = parameters.find((one) => one.startsWith('q='))?.slice(2);
  return { name, quality: quality === undefined ? 1 : Number(quality) || 0 };
}
