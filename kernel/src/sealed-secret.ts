import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * Secrets that we must be able to read again (a webhook's signing secret) rest encrypted: AES-256-GCM under a key from
 * the settings, whose id stands beside the ciphertext so that keys can be rotated. The context (the owner's public id)
 * is authenticated with it: a ciphertext moved to another row does not open.
 *
 * @see NIST SP 800-38D
 */
export interface SealingKeys {
  readonly currentId: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

export interface SealedSecret {
  readonly keyId: string;
  /** Nonce (12 bytes), tag (16 bytes), ciphertext. */
  readonly sealed: Uint8Array;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** Reads `<key id>:<base64 of 32 bytes>`, several separated by commas; the first one seals. Throws on any other form. */
export function readSealingKeys(setting: string): SealingKeys {
  const pairs = setting.split(',').map((one): [string, Buffer] => {
    const colon = one.indexOf(':');
    const key = Buffer.from(one.slice(colon + 1), 'base64');
    if (colon < 1 || key.length !== KEY_BYTES)
      throw new Error('SECRETS_KEY has the form <key id>:<base64 of 32 bytes>.');
    return [one.slice(0, colon), key];
  });
  const [first] = pairs;
  if (first === undefined) throw new Error('SECRETS_KEY holds no key.');
  return { currentId: first[0], keys: new Map(pairs) };
}

export function sealSecret(keys: SealingKeys, secret: string, context: string): SealedSecret {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(keys, keys.currentId), nonce).setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return {
    keyId: keys.currentId,
    sealed: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]),
  };
}

/** Throws when the key is unknown, the context is another one, or a single bit was changed. */
export function openSecret(keys: SealingKeys, { keyId, sealed }: SealedSecret, context: string): string {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(keys, keyId), bytes.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  return text.toString('utf8');
}

function keyOf(keys: SealingKeys, id: string): Buffer {
  const key = keys.keys.get(id);
  if (key === undefined) throw new Error(`No sealing key has the id "${id}".`);
  return key;
}
