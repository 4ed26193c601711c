import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Environment } from '@bridgework/schema';

/**
 * Integration tokens: `dci_live_<10 public id>_<32 random><6 checksum>`, `dci_test_…` in a sandbox. The prefix is found
 * by secret scanners and names the environment; the checksum refuses a typo without a look-up; the public id finds the
 * row. Only a keyed hash is stored, under a pepper that the database never sees.
 *
 * @see docs/rules.md#integration-tokens
 */
export interface ParsedToken {
  readonly environment: Environment;
  /** Ten base62 characters; public, unlike everything after them. */
  readonly publicId: string;
  readonly text: string;
}

/** What the database keeps of a token. */
export interface TokenHash {
  /** Hex HMAC-SHA-256 of the whole token. */
  readonly secretHash: string;
  /** Which pepper it was made with. */
  readonly pepperId: string;
}

/** Peppers by id; new hashes use `current`, older ones are still recognised while their pepper is listed. */
export interface TokenPeppers {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIXES = { production: 'dci_live_', sandbox: 'dci_test_' } as const satisfies Record<Environment, string>;
const TOKEN = /^(dci_live_|dci_test_)([0-9A-Za-z]{10})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;
const MINIMUM_PEPPER_BYTES = 32;

/** A new token for an environment: 190 random bits beside its public id. The text is shown once and kept nowhere. */
export function generateIntegrationToken(environment: Environment): ParsedToken {
  const publicId = randomBase62(10);
  const body = `${PREFIXES[environment]}${publicId}_${randomBase62(32)}`;
  return { environment, publicId, text: body + checksum(body) };
}

/** The parts of a token, or undefined when it is none: wrong shape or wrong checksum. Says nothing about its validity. */
export function parseIntegrationToken(text: string): ParsedToken | undefined {
  const [, prefix, publicId, , check] = TOKEN.exec(text) ?? [];
  if (prefix === undefined || publicId === undefined || check === undefined) return undefined;
  if (checksum(text.slice(0, -check.length)) !== check) return undefined;
  return { environment: prefix === PREFIXES.production ? 'production' : 'sandbox', publicId, text };
}

/** The hash to store for a new token. */
export function hashIntegrationToken(text: string, peppers: TokenPeppers): TokenHash {
  const secretHash = keyedHash(text, peppers.keys.get(peppers.current));
  if (secretHash === undefined) throw new Error(`There is no token pepper '${peppers.current}'.`);
  return { secretHash: secretHash.toString('hex'), pepperId: peppers.current };
}

/** True when the text is the token this hash was made of. Takes the same time whichever character differs. */
export function matchesTokenHash(text: string, stored: TokenHash, peppers: TokenPeppers): boolean {
  const hash = keyedHash(text, peppers.keys.get(stored.pepperId));
  const expected = Buffer.from(stored.secretHash, 'hex');
  return hash !== undefined && hash.length === expected.length && timingSafeEqual(hash, expected);
}

/**
 * Reads TOKEN_PEPPER: `<pepper id>:<base64>`, several separated by commas while one is being rotated out; the first
 * one hashes new tokens. Throws when an entry is malformed or shorter than 32 bytes.
 */
export function readTokenPeppers(setting: string): TokenPeppers {
  const entries = setting.split(',').map((entry): [string, Buffer] => {
    const colon = entry.indexOf(':');
    const key = Buffer.from(entry.slice(colon + 1), 'base64');
    if (colon < 1 || key.length < MINIMUM_PEPPER_BYTES) {
      throw new Error(`A token pepper has the form <pepper id>:<base64 of at least ${MINIMUM_PEPPER_BYTES} bytes>.`);
    }
    return [entry.slice(0, colon), key];
  });
  return { current: entries[0]?.[0] ?? '', keys: new Map(entries) };
}

function keyedHash(text: string, pepper: Buffer | undefined): Buffer | undefined {
  return pepper === undefined ? undefined : createHmac('sha256', pepper).update(text, 'utf8').digest();
}

function randomBase62(length: number): string {
  return Array.from({ length }, () => BASE62.charAt(randomInt(BASE62.length))).join('');
}

/** CRC-32 of everything before it, in six base62 digits: a guard against typos, not against forgery. */
function checksum(body: string): string {
  let value = crc32(body);
  let digits = '';
  for (let digit = 0; digit < 6; digit += 1) {
    digits = BASE62.charAt(value % 62) + digits;
    value = Math.floor(value / 62);
  }
  return digits;
}
