import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { SealedSecret } from '@bridgework/kernel/sealed-secret';
import type { Environment } from '@bridgework/schema';
import { sql } from 'drizzle-orm';

const MAX_ENDPOINTS = 100;

export interface UnverifiedEndpoint {
  readonly id: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly secrets: readonly SealedSecret[];
}

interface Row extends Record<string, unknown> {
  readonly id: string;
  readonly url: string;
  readonly timeout_ms: number;
  readonly secrets: { readonly keyId: string; readonly sealed: string }[];
}

/** Endpoints of active integrations whose receiver has not answered the challenge yet. */
export async function listUnverifiedEndpoints(ctx: Context): Promise<readonly UnverifiedEndpoint[]> {
  const rows = await ctx.db.execute<Row>(sql`
    select e.id, e.url, e.timeout_ms,
      (select coalesce(jsonb_agg(jsonb_build_object('keyId', s.key_id, 'sealed', encode(s.sealed, 'base64'))
          order by s.key desc), '[]')
        from integration.webhook_secrets s
        where s.endpoint_key = e.key and (s.expires_at is null or s.expires_at > now())) as secrets
    from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where e.status = 'PENDING_VERIFICATION' and e.verified_at is null and e.url is not null and e.deleted_at is null
      and i.status = 'ACTIVE'
    order by e.key limit ${MAX_ENDPOINTS}
  `);
  return rows.map(({ id, url, timeout_ms: timeoutMs, secrets }) => ({
    id,
    url,
    timeoutMs,
    secrets: secrets.map(({ keyId, sealed }) => ({ keyId, sealed: Buffer.from(sealed, 'base64') })),
  }));
}

/**
 * The receiver has answered. In the sandbox events flow from now on; in production a manager approves the endpoint
 * first. Events from before are not sent.
 */
export async function activateVerifiedEndpoint(ctx: Context, id: string, environment: Environment): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const opens = sql`(${environment}::text = 'sandbox' or e.approved_by is not null)`;
    const [row] = await tx.execute<{ integration_id: string }>(sql`
      update integration.webhook_endpoints e
      set verified_at = clock_timestamp(), updated_at = clock_timestamp(),
        status = case when ${opens} then 'ACTIVE' else e.status end,
        first_active_at = case when ${opens} then coalesce(e.first_active_at, clock_timestamp()) end
      from integration.integrations i
      where e.id = ${id} and e.status = 'PENDING_VERIFICATION' and i.key = e.integration_key
      returning i.id as integration_id
    `);
    if (row === undefined) return;
    await recordAudit(tx, ctx, {
      action: 'webhook_endpoint.verify',
      entity: 'webhook_endpoint',
      entityId: id,
      integrationId: row.integration_id,
      result: 'OK',
    });
  });
}
