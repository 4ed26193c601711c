import { sign } from 'node:crypto';
import type { CallerSigningKey } from '@bridgework/kernel/signed-caller';
import type { ControlSnapshot, SignedSnapshot } from '@bridgework/schema';

/** Signs the exact text that gateways will read: Ed25519, base64url. */
export function signSnapshot(key: CallerSigningKey, snapshot: ControlSnapshot): SignedSnapshot {
  const payload = JSON.stringify(snapshot);
  return {
    payload,
    key_id: key.keyId,
    signature: sign(null, Buffer.from(payload, 'utf8'), key.privateKey).toString('base64url'),
  };
}
