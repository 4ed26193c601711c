import { randomBytes } from 'node:crypto';

/**
 * Public ids: a prefix that names the kind, then the 128 bits of a version 4 UUID in Crockford base32. They are random,
 * so nobody can guess a neighbour or count a clinic's patients. `base.new_id(prefix)` makes the same in SQL.
 *
 * @see docs/rules.md#non-guessable-identifiers
 */
export const ID_PREFIXES = [
  'apt',
  'pat',
  'prv',
  'chr',
  'vis',
  'prc',
  'inv',
  'pay',
  'ins',
  'itm',
  'int',
  'tok',
  'apr',
  'set',
  'doc',
  'whe',
  'evt',
  'dlv',
  'rdr',
  'exp',
  'cnf',
  'imp',
  'img',
  'alr',
  'aud',
  'msg',
  'req',
  'usr',
] as const;
export type IdPrefix = (typeof ID_PREFIXES)[number];
export type Id<P extends IdPrefix> = `${P}_${string}`;

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const BODY_LENGTH = 26;

/** A new random id, for example `pay_7zz…` (26 characters after the prefix). */
export function newId<P extends IdPrefix>(prefix: P): Id<P> {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return `${prefix}_${crockford(bytes)}`;
}

/** True when the text has the shape of an id of this kind; says nothing about whether it exists. */
export function isId<P extends IdPrefix>(prefix: P, text: string): text is Id<P> {
  return (
    text.length === prefix.length + 1 + BODY_LENGTH &&
    text.startsWith(`${prefix}_`) &&
    ID_BODY.test(text.slice(-BODY_LENGTH))
  );
}

const ID_BODY = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

function crockford(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let digit = 0; digit < BODY_LENGTH; digit += 1) {
    text = CROCKFORD.charAt(Number(value & 31n)) + text;
    value >>= 5n;
  }
  return text;
}
