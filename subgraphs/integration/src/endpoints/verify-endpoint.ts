import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { SealedSecret } from '@bridgework/kernel/sealed-secret';
import type { Environment } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { type LiveSecretsColumn, liveSecrets, readLiveSecrets } from './endpoint-secret.ts';

export interface UnverifiedEndpoint {
  readonly id: string;
  readonly url: string;
  readonly timeoutMs: number;
  /** How often it was asked before. */
  readonly attempts: number;
  readonly secrets: readonly SealedSecret[];
}

export interface ChallengeClaim {
  readonly limit: number;
  /** At most so many of them have been asked before: who is new never waits behind those that do not answer. */
  readonly maxRepeated: number;
  /** After this another worker may ask, should this one be gone. */
  readonly turnMs: number;
}

interface Row extends Record<string, unknown>, LiveSecretsColumn {
  readonly id: string;
  readonly url: string;
  readonly timeout_ms: number;
  readonly verification_attempts: number;
}

/** Takes endpoints whose challenge is due, those that were asked least often first. Each is taken by one worker at a time. */
export async function claimChallenges(ctx: Context, claim: ChallengeClaim): Promise<readonly UnverifiedEndpoint[]> {
  const due = sql`e.status = 'PENDING_VERIFICATION' and e.verified_at is null and e.verification_given_up_at is null
    and e.url is not null and e.deleted_at is null and e.verification_next_at <= clock_timestamp()
    and i.status = 'ACTIVE'`;
  const rows = await ctx.db.execute<Row>(sql`
    with fresh as materialized (
      select e.key from integration.webhook_endpoints e
      join integration.integrations i on i.key = e.integration_key
      where ${due} and e.verification_attempts = 0
      order by e.verification_next_at limit ${claim.limit} for no key update of e skip locked
    ), repeated as materialized (
      select e.key from integration.webhook_endpoints e
      join integration.integrations i on i.key = e.integration_key
      where ${due} and e.verification_attempts > 0
      order by e.verification_attempts, e.verification_next_at
      limit least(${claim.maxRepeated}, ${claim.limit} - (select count(*) from fresh)) for no key update of e skip locked
    ), taken as (
      update integration.webhook_endpoints e
      set verification_next_at = clock_timestamp() + make_interval(secs => ${claim.turnMs / 1000})
      where e.key in (select key from fresh union all select key from repeated)
      returning e.*
    )
    select e.id, e.url, e.timeout_ms, e.verification_attempts, ${liveSecrets} as secrets from taken e
  `);
  return rows.map((row) => ({
    id: row.id,
    url: row.url,
    timeoutMs: row.timeout_ms,
    attempts: row.verification_attempts,
    secrets: readLiveSecrets(row),
  }));
}

/**
 * The receiver at this URL has answered; nothing happens when the endpoint has another one by now. In the sandbox events
 * flow from now on; in production a manager approves the endpoint too. Events from before the first time are not sent.
 */
export async function activateVerifiedEndpoint(
  ctx: Context,
  { id, url }: Pick<UnverifiedEndpoint, 'id' | 'url'>,
  environment: Environment,
): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const opens = sql`(${environment}::text = 'sandbox' or e.approved_by is not null)`;
    const [row] = await tx.execute<{ integration_id: string }>(sql`
      update integration.webhook_endpoints e
      set verified_at = clock_timestamp(), updated_at = clock_timestamp(),
        verification_attempts = e.verification_attempts + 1,
        status = case when ${opens} then 'ACTIVE' else e.status end,
        status_reason = case when not ${opens} then 'Verified; a manager has to approve it.' end,
        first_active_at = case when ${opens} then coalesce(e.first_active_at, clock_timestamp()) else e.first_active_at end
      from integration.integrations i
      where e.id = ${id} and e.url = ${url} and e.status = 'PENDING_VERIFICATION' and e.verified_at is null
        and e.deleted_at is null and i.key = e.integration_key
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

export interface FailedChallenge extends Pick<UnverifiedEndpoint, 'id' | 'url'> {
  /** One sentence for the partner and the managers. */
  readonly reason: string;
  /** Seconds until it is asked again; undefined: never, until the URL is given again. */
  readonly nextDelaySeconds: number | undefined;
}

/** The receiver did not answer well: the endpoint says why and when it is asked again. Giving up is audited. */
export async function recordFailedChallenge(ctx: Context, failed: FailedChallenge): Promise<void> {
  const givenUp = failed.nextDelaySeconds === undefined;
  await ctx.db.transaction(async (tx) => {
    const [row] = await tx.execute<{ integration_id: string }>(sql`
      update integration.webhook_endpoints e
      set verification_attempts = e.verification_attempts + 1, status_reason = ${failed.reason},
        verification_next_at = clock_timestamp() + make_interval(secs => ${failed.nextDelaySeconds ?? 0}),
        verification_given_up_at = case when ${givenUp} then clock_timestamp() end, updated_at = clock_timestamp()
      from integration.integrations i
      where e.id = ${failed.id} and e.url = ${failed.url} and e.status = 'PENDING_VERIFICATION' and e.verified_at is null
        and i.key = e.integration_key
      returning i.id as integration_id
    `);
    if (row === undefined || !givenUp) return;
    await recordAudit(tx, ctx, {
      action: 'webhook_endpoint.verify',
      entity: 'webhook_endpoint',
      entityId: failed.id,
      integrationId: row.integration_id,
      result: 'FAILED',
      errorMessage: failed.reason,
    });
  });
}
