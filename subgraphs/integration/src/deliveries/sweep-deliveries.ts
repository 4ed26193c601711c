import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { EVENT_TYPES } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { breakerAdmits, effectiveScopes, endpointIsOpen, isLetGo, withheldTypes } from './authority.ts';
import { buryDeliveries, buryUnauthorised } from './bury-deliveries.ts';

const MAX_CRASHES = 3;
const MAX_ROWS = 5_000;

/**
 * Brings every delivery back to where PostgreSQL says it belongs, whatever the queue or a worker forgot: expired leases
 * are due again, deliveries of closed endpoints are held, those of open ones go on.
 *
 * @returns public ids of the endpoints that have something to send now.
 */
export async function sweepDeliveries(ctx: Context): Promise<readonly string[]> {
  await expireLeases(ctx);
  await buryWithheld(ctx);
  await buryUnwanted(ctx);
  await hold(ctx);
  await resume(ctx);
  const due = await ctx.db.execute<{ id: string }>(sql`
    select e.id from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where ${endpointIsOpen} and ${breakerAdmits} and exists (
      select from integration.deliveries d
      where d.endpoint_key = e.key and d.state = 'PENDING' and d.next_at <= clock_timestamp()
    )
  `);
  return due.map(({ id }) => id);
}

/** A lease that ran out means its worker died, or was asleep; three such deaths in a row and it is taken for poison. */
async function expireLeases(ctx: Context): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const expired = await tx.execute<{ id: string; state: string; integration_id: string }>(sql`
      with expired as (
        update integration.deliveries d
        set state = case when d.crashes + 1 >= ${MAX_CRASHES} then 'DEAD' else 'PENDING' end,
          dead_reason = case when d.crashes + 1 >= ${MAX_CRASHES} then 'poison' end,
          crashes = d.crashes + 1, lease_token = null, lease_expires_at = null, updated_at = clock_timestamp()
        from (
          select key, event_month from integration.deliveries
          where state = 'LEASED' and lease_expires_at < clock_timestamp()
          order by key limit ${MAX_ROWS} for update skip locked
        ) as x
        where d.key = x.key and d.event_month = x.event_month
        returning d.id, d.state, d.endpoint_key
      )
      select x.id, x.state, i.id as integration_id from expired x
      join integration.webhook_endpoints e on e.key = x.endpoint_key
      join integration.integrations i on i.key = e.integration_key
    `);
    if (expired.length > 0) ctx.log.warn({ count: expired.length }, 'delivery.lease_expired');
    for (const { id, state, integration_id } of expired) {
      if (state !== 'DEAD') continue;
      await recordAudit(tx, ctx, {
        action: 'webhook.deliver',
        entity: 'delivery',
        entityId: id,
        integrationId: integration_id,
        result: 'FAILED',
        errorMessage: 'poison',
      });
    }
  });
}

/** What an integration may no longer be told of ends, although nothing of it may be due. */
async function buryWithheld(ctx: Context): Promise<void> {
  const candidates = await ctx.db.execute<{
    key: string;
    integration_id: string;
    status: string;
    scopes: string[];
  }>(sql`
    select e.key, i.id as integration_id, i.status, ${effectiveScopes} as scopes
    from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where exists (select from integration.deliveries d where d.endpoint_key = e.key and d.state in ('PENDING', 'HELD'))
  `);
  for (const { key, integration_id: integrationId, status, scopes } of candidates) {
    const types = status === 'DEPRECATED' ? EVENT_TYPES : withheldTypes(scopes);
    if (types.length === 0) continue;
    await ctx.db.transaction((tx) => buryUnauthorised(tx, ctx, { key: Number(key), integrationId }, types));
  }
}

/** What a manager let go when an endpoint was resumed, and what waited for an endpoint that was deleted, ends. */
async function buryUnwanted(ctx: Context): Promise<void> {
  const endpoints = await ctx.db.execute<{ key: string; integration_id: string; deleted: boolean }>(sql`
    select e.key, i.id as integration_id, e.deleted_at is not null as deleted
    from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where e.skip_before is not null or e.deleted_at is not null and exists (
      select from integration.deliveries d where d.endpoint_key = e.key and d.state in ('PENDING', 'HELD'))
  `);
  for (const { key, integration_id: integrationId, deleted } of endpoints) {
    const endpoint = { key: Number(key), integrationId };
    await ctx.db.transaction((tx) =>
      deleted
        ? buryDeliveries(tx, ctx, endpoint, 'deleted', sql`true`)
        : buryDeliveries(tx, ctx, endpoint, 'skipped', isLetGo),
    );
    await forgetSkip(ctx, endpoint.key);
  }
}

async function forgetSkip(ctx: Context, endpointKey: number): Promise<void> {
  await ctx.db.execute(sql`
    update integration.webhook_endpoints e set skip_before = null, skip_decided_at = null
    where e.key = ${endpointKey} and e.skip_before is not null and not exists (
      select from integration.deliveries d
      where d.endpoint_key = e.key and d.state in ('PENDING', 'HELD') and ${isLetGo})
  `);
}

/** A delivery that may not be sent now waits without using up an attempt. */
async function hold(ctx: Context): Promise<void> {
  await ctx.db.execute(sql`
    with closed as materialized (
      select e.key from integration.webhook_endpoints e
      join integration.integrations i on i.key = e.integration_key
      where not (${endpointIsOpen} and ${breakerAdmits})
    )
    update integration.deliveries d set state = 'HELD', updated_at = clock_timestamp()
    from (
      select d.key, d.event_month from closed
      join integration.deliveries d on d.endpoint_key = closed.key and d.state = 'PENDING'
      limit ${MAX_ROWS} for update of d skip locked
    ) as x
    where d.key = x.key and d.event_month = x.event_month
  `);
}

/** What was held goes on where it stopped, its next attempt no sooner than it was due. */
async function resume(ctx: Context): Promise<void> {
  await ctx.db.execute(sql`
    update integration.deliveries d set state = 'PENDING', updated_at = clock_timestamp()
    from (
      select d.key, d.event_month from integration.webhook_endpoints e
      join integration.integrations i on i.key = e.integration_key
      join integration.deliveries d on d.endpoint_key = e.key and d.state = 'HELD'
      where ${endpointIsOpen} and ${breakerAdmits} and ${isLetGo} is not true
      limit ${MAX_ROWS} for update of d skip locked
    ) as x
    where d.key = x.key and d.event_month = x.event_month
  `);
}
