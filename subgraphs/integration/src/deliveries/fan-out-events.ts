import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import { endpointIsOpen } from './authority.ts';

export interface FanOut {
  /** Events taken from the outbox; as many as the limit when there may be more. */
  readonly events: number;
  /** Public ids of endpoints that have something to send now. */
  readonly endpointIds: readonly string[];
}

/**
 * Makes one delivery of each new event for each endpoint that subscribes to it, and numbers them per endpoint without a
 * gap. One statement: an event is either fanned out whole or not at all, however many dispatchers run.
 *
 * Events are claimed, never paged by id: a slow transaction commits a lower id later than a fast one.
 */
export async function fanOutEvents(ctx: Context, { limit }: { readonly limit: number }): Promise<FanOut> {
  const [row] = await ctx.db.execute<{ events: number; endpoint_ids: string[] }>(sql`
    with claimed as materialized (
      select key, id, type, entity_id, event_month from outbox.events
      where fanned_out_at is null order by key limit ${limit} for update skip locked
    ), matched as materialized (
      select c.key as event_key, c.id as event_id, c.type, c.entity_id, c.event_month, s.endpoint_key
      from claimed c
      join integration.webhook_subscriptions s on s.event_type = c.type
    ), locked as materialized (
      -- In key order, so that dispatchers, lanes and settlers never wait for each other in a circle.
      select e.key, e.id, e.last_seq, ${endpointIsOpen} as open
      from integration.webhook_endpoints e
      join integration.integrations i on i.key = e.integration_key
      where e.key in (select endpoint_key from matched) and e.first_active_at is not null and e.deleted_at is null
      order by e.key for no key update of e
    ), numbered as materialized (
      select m.*, e.id as endpoint_id,
        e.last_seq + row_number() over (partition by m.endpoint_key order by m.event_key) as seq, e.open
      from matched m
      join locked e on e.key = m.endpoint_key
    ), bumped as (
      update integration.webhook_endpoints e set last_seq = n.seq
      from (select endpoint_key, max(seq) as seq from numbered group by endpoint_key) n
      where e.key = n.endpoint_key
    ), inserted as (
      insert into integration.deliveries (event_id, event_type, entity_id, event_month, endpoint_key, seq, state)
      select event_id, type, entity_id, event_month, endpoint_key, seq, case when open then 'PENDING' else 'HELD' end
      from numbered order by endpoint_key, seq
      on conflict (event_id, endpoint_key, event_month) do nothing
    ), marked as (
      update outbox.events v set fanned_out_at = clock_timestamp()
      from claimed c where v.key = c.key and v.event_month = c.event_month returning v.key
    )
    -- What was marked is read here, so that it is marked while the statement runs: left to the end, where PostgreSQL
    -- 18.4 finishes changes that nobody reads, choosing the month's partition brings the whole server down.
    select (select count(*)::integer from marked) as events,
      (select coalesce(jsonb_agg(distinct endpoint_id) filter (where open), '[]') from numbered) as endpoint_ids
  `);
  return { events: row?.events ?? 0, endpointIds: row?.endpoint_ids ?? [] };
}
