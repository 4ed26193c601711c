import { randomBytes } from 'node:crypto';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { readSealingKeys, type SealedSecret, sealSecret } from '@bridgework/kernel/sealed-secret';
import { type SQL, sql } from 'drizzle-orm';
import { SECRET_PREFIX } from '../deliveries/signed-payload.ts';
import { secretsOf } from '../secrets.ts';
import { webhookSecrets } from '../tables.ts';

const SECRET_BYTES = 32;

/** Gives an endpoint a new secret and returns it; this is the only time that it is seen. */
export async function addSecret(
  tx: Tx,
  ctx: Context,
  endpoint: { readonly key: number; readonly id: string },
): Promise<string> {
  const secret = `${SECRET_PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;
  const { keyId, sealed } = sealSecret(readSealingKeys(secretsOf(ctx).secretsKey), secret, endpoint.id);
  await tx.insert(webhookSecrets).values({ endpointKey: endpoint.key, sealed: Buffer.from(sealed), keyId });
  return secret;
}

/** SQL: the live secrets of endpoint `e`, newest first; read with {@link readLiveSecrets}. */
export const liveSecrets: SQL = sql`(
  select coalesce(jsonb_agg(jsonb_build_object('keyId', s.key_id, 'sealed', encode(s.sealed, 'base64'))
    order by s.key desc), '[]')
  from integration.webhook_secrets s
  where s.endpoint_key = e.key and (s.expires_at is null or s.expires_at > now())
)`;

export interface LiveSecretsColumn {
  readonly secrets: readonly { readonly keyId: string; readonly sealed: string }[];
}

export const readLiveSecrets = ({ secrets }: LiveSecretsColumn): readonly SealedSecret[] =>
  secrets.map(({ keyId, sealed }) => ({ keyId, sealed: Buffer.from(sealed, 'base64') }));
