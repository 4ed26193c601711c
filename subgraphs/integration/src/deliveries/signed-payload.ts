import { createHmac } from 'node:crypto';
import canonicalize from 'canonicalize';

/** What a receiver gets and what the feed gives: the same bytes' worth of fields, whichever way they travel. */
export interface Payload {
  readonly api_version: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly entity_id: string;
  readonly entity_type: string;
  readonly event_id: string;
  readonly event_type: string;
  /** False in the sandbox: nothing in it is about a real patient. */
  readonly livemode: boolean;
  /** RFC 3339 with milliseconds, UTC. */
  readonly occurred_at: string;
}

export const SECRET_PREFIX = 'whsec_';

/**
 * The body: RFC 8785 canonical JSON whose last member is `signature`. What precedes it is exactly the signed text, so a
 * receiver cuts `,"signature":"…"` out and checks the rest without a canonicalisation library. A key added at the top
 * must sort before `signature`; this function throws on one that does not.
 *
 * @see RFC 8785
 */
export function signPayload(payload: Payload, secrets: readonly string[]): string {
  if (Object.keys(payload).some((key) => key >= 'signature')) throw new Error('A key sorts behind the signature.');
  const text = canonicalize(payload);
  if (text === undefined) throw new Error('The payload is not JSON.');
  return `${text.slice(0, -1)},"signature":"${signatureOf(text, secrets)}"}`;
}

/** `v1,<base64 HMAC-SHA256>` for each secret, separated by spaces. */
export const signatureOf = (text: string, secrets: readonly string[]): string =>
  secrets.map((secret) => `v1,${createHmac('sha256', keyOf(secret)).update(text).digest('base64')}`).join(' ');

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
