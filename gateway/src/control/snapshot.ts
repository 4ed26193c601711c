import { type KeyObject, verify } from 'node:crypto';
import { ControlSnapshot, type Environment, type SignedSnapshot } from '@bridgework/schema';

/** Why a snapshot was not taken; goes to the log. */
export type SnapshotRefusal = 'unknown-key' | 'bad-signature' | 'malformed' | 'wrong-environment' | 'older';

export type SnapshotVerdict =
  | { readonly kind: 'accepted'; readonly snapshot: ControlSnapshot }
  /** Of the generation already met, issued no later: it says nothing new, and that the registry is there. */
  | { readonly kind: 'known'; readonly snapshot: ControlSnapshot }
  | { readonly kind: 'refused'; readonly reason: SnapshotRefusal };

export interface SnapshotRules {
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  readonly environment: Environment;
  /** The newest snapshot met so far; a gateway never goes back behind it. */
  readonly seen: Pick<ControlSnapshot, 'generation' | 'issued_at'> | undefined;
}

/** Judges a signed snapshot, wherever it came from: the stream and the file are believed for their signature alone. */
export function judgeSnapshot(signed: SignedSnapshot, rules: SnapshotRules): SnapshotVerdict {
  const refused = (reason: SnapshotRefusal): SnapshotVerdict => ({ kind: 'refused', reason });
  const publicKey = rules.publicKeys.get(signed.key_id);
  if (publicKey === undefined) return refused('unknown-key');
  const signature = Buffer.from(signed.signature, 'base64url');
  if (!verify(null, Buffer.from(signed.payload), publicKey, signature)) return refused('bad-signature');
  const parsed = ControlSnapshot.safeParse(parseJson(signed.payload));
  if (!parsed.success) return refused('malformed');
  const snapshot = parsed.data;
  if (snapshot.environment !== rules.environment) return refused('wrong-environment');
  const { seen } = rules;
  if (seen === undefined || snapshot.generation > seen.generation) return { kind: 'accepted', snapshot };
  if (snapshot.generation < seen.generation) return refused('older');
  return Date.parse(snapshot.issued_at) < Date.parse(seen.issued_at)
    ? { kind: 'known', snapshot }
    : { kind: 'accepted', snapshot };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
