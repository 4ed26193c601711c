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
  const bytes = freshBytes();
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

/** The bytes as one number in base 32, from its end: 26 digits of five bits, of which the first has three. */
function crockford(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    held |= (bytes[at] ?? 0) << bits;
    bits += 8;
    for (; bits >= 5; bits -= 5) {
      text = CROCKFORD.charAt(held & 31) + text;
      held >>>= 5;
    }
  }
  return CROCKFORD.charAt(held) + text;
}

/** Random bytes are fetched from the system in one go for many ids. */
let pool = Buffer.alloc(0);
let poolAt = 0;

function freshBytes(): Uint8Array {
  if (poolAt + 16 > pool.length) {
    pool = randomBytes(4096);
    poolAt = 0;
  }
  const bytes = pool.subarray(poolAt, poolAt + 16);
  poolAt += 16;
  return bytes;
}
