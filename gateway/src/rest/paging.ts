import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { DomainError } from '@bridgework/kernel/errors';

export const DEFAULT_LIMIT = 25;
export const MAX_LIMIT = 100;

/** What a cursor is good for. Used under another caller, filter or order it is refused as if it were forged. */
export interface CursorBinding {
  /** Integration, or the clinic user who asked. */
  readonly holder: string;
  /** Method and path of the route. */
  readonly route: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly sort: string;
}

export interface CursorSeal {
  /** A cursor around a position of the graph: opaque, and the same for the same position, so that ETags hold. */
  seal(position: string, binding: CursorBinding): string;
  /** @throws DomainError VALIDATION_FAILED for what this seal did not make for this binding. */
  open(cursor: string, binding: CursorBinding): string;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

interface CursorKey {
  readonly encryption: Uint8Array;
  readonly nonce: Uint8Array;
}

/**
 * Seals with the first key and opens with any of them, so that a key can be rotated.
 * @param setting CURSOR_KEY: `<key id>:<base64>`, several separated by commas.
 */
export function createCursorSeal(setting: string): CursorSeal {
  const keys = setting.split(',').map(readKey);
  const [sealing] = keys;
  if (sealing === undefined) throw new Error('CURSOR_KEY holds no key.');
  return {
    seal: (position, binding) => sealUnder(sealing, position, bindingBytes(binding)),
    open(cursor, binding) {
      const bound = bindingBytes(binding);
      for (const key of keys) {
        const position = openUnder(key, cursor, bound);
        if (position !== undefined) return position;
      }
      throw new DomainError('VALIDATION_FAILED', {
        errors: [
          {
            pointer: '/cursor',
            code: 'bad-cursor',
            detail:
              'Use next_cursor unchanged, with the same filters and the same token; or begin again without a cursor.',
          },
        ],
      });
    },
  };
}

function sealUnder(key: CursorKey, position: string, bound: Buffer): string {
  // The nonce is a keyed hash of all that is sealed: it repeats only when the whole message does.
  const iv = createHmac('sha256', key.nonce).update(bound).update('\n').update(position).digest().subarray(0, IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.encryption, iv).setAAD(bound);
  const sealed = Buffer.concat([cipher.update(position, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, sealed, cipher.getAuthTag()]).toString('base64url');
}

function openUnder(key: CursorKey, cursor: string, bound: Buffer): string | undefined {
  const bytes = Buffer.from(cursor, 'base64url');
  // Other spellings of the same bytes (padding, a changed last character) are no cursors of ours.
  if (bytes.length <= IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== cursor) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.encryption, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(bound).setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function readKey(setting: string): CursorKey {
  const material = Buffer.from(setting.slice(setting.indexOf(':') + 1), 'base64');
  if (material.length < 16) throw new Error('A key of CURSOR_KEY holds at least 16 bytes, base64.');
  const derive = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', material, '', `bridgework cursor ${purpose}`, 32));
  return { encryption: derive('encryption'), nonce: derive('nonce') };
}

/** One spelling per binding: the filter's keys are sorted, JSON keeps the parts apart. */
function bindingBytes({ holder, route, filter, sort }: CursorBinding): Buffer {
  const given = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([holder, route, given, sort]));
}
