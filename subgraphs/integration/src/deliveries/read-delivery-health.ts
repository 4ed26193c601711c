import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import { breakerAdmits, endpointIsOpen } from './authority.ts';

/** How deliveries are, for whoever watches the product; counts and seconds alone. */
export interface DeliveryHealth {
  /** How long the oldest delivery that could be sent now has been due. */
  readonly dueAgeSeconds: number;
  readonly pending: number;
  readonly leased: number;
  readonly held: number;
  /** Dead letters that are kept, by reason. */
  readonly dead: Readonly<Record<string, number>>;
  /** Endpoints by the state of their breaker: CLOSED, OPEN, HALF_OPEN. */
  readonly breakers: Readonly<Record<string, number>>;
  /** How long the oldest event has waited to be fanned out. */
  readonly outboxLagSeconds: number;
}

export async function readDeliveryHealth(ctx: Context): Promise<DeliveryHealth> {
  const [row] = await ctx.db.execute<{
    due_age: number;
    pending: number;
    leased: number;
    held: number;
    dead: Record<string, number>;
    breakers: Record<string, number>;
    outbox_lag: number;
  }>(sql`
    select
      coalesce((select max(extract(epoch from clock_timestamp() - oldest.next_at)) from integration.webhook_endpoints e
        join integration.integrations i on i.key = e.integration_key
        cross join lateral (select d.next_at from integration.deliveries d
          where d.endpoint_key = e.key and d.state = 'PENDING' and d.next_at <= clock_timestamp()
          order by d.next_at limit 1) oldest
        where ${endpointIsOpen} and ${breakerAdmits}), 0)::float8 as due_age,
      (select count(*) from integration.deliveries where state = 'PENDING')::integer as pending,
      (select count(*) from integration.deliveries where state = 'LEASED')::integer as leased,
      (select count(*) from integration.deliveries where state = 'HELD')::integer as held,
      (select coalesce(jsonb_object_agg(dead_reason, n), '{}') from (
        select dead_reason, count(*) as n from integration.deliveries where state = 'DEAD' group by dead_reason) d) as dead,
      (select coalesce(jsonb_object_agg(breaker_state, n), '{}') from (
        select breaker_state, count(*) as n from integration.webhook_endpoints
        where deleted_at is null group by breaker_state) b) as breakers,
      coalesce((select extract(epoch from clock_timestamp() - min(created_at)) from outbox.events
        where fanned_out_at is null), 0)::float8 as outbox_lag
  `);
  return {
    dueAgeSeconds: row?.due_age ?? 0,
    pending: row?.pending ?? 0,
    leased: row?.leased ?? 0,
    held: row?.held ?? 0,
    dead: row?.dead ?? {},
    breakers: row?.breakers ?? {},
    outboxLagSeconds: row?.outbox_lag ?? 0,
  };
}
