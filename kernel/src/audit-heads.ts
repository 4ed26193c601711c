import { type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { AuditHead } from './audit-seals.ts';
import type { CallerSigningKey } from './signed-caller.ts';

/** The file of exported heads, one line each; its writer is the workers' process, in its DATA_DIR. */
export const AUDIT_HEADS_FILE = 'audit-heads.jsonl';

const Head = z.object({ position: z.int().positive(), hash: z.string().regex(/^[0-9a-f]{64}$/), at: z.iso.datetime() });
const Line = z.object({ head: z.string(), key_id: z.string(), seal: z.string() });
export type HeadLine = z.infer<typeof Line>;

/** @see RFC 8032 */
export function signHead(key: CallerSigningKey, head: AuditHead, at: Date): HeadLine {
  const text = JSON.stringify({ ...head, at: at.toISOString() });
  return { head: text, key_id: key.keyId, seal: sign(null, Buffer.from(text), key.privateKey).toString('base64url') };
}

export interface KeptHeads {
  readonly heads: readonly AuditHead[];
  /** Numbers of lines, from 1, that none of the keys has signed or that are no heads at all. */
  readonly badLines: readonly number[];
}

/** What a file of exported heads says, as far as it is signed by one of these keys. */
export function readHeads(text: string, publicKeys: ReadonlyMap<string, KeyObject>): KeptHeads {
  const heads: AuditHead[] = [];
  const badLines: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const head = readLine(line, publicKeys);
    if (head === null) badLines.push(index + 1);
    else heads.push(head);
  }
  return { heads, badLines };
}

function readLine(text: string, publicKeys: ReadonlyMap<string, KeyObject>): AuditHead | null {
  try {
    const { head, key_id: keyId, seal } = Line.parse(JSON.parse(text));
    const key = publicKeys.get(keyId);
    if (key === undefined || !verify(null, Buffer.from(head), key, Buffer.from(seal, 'base64url'))) return null;
    const { position, hash } = Head.parse(JSON.parse(head));
    return { position, hash };
  } catch {
    return null;
  }
}
