import { actorOf, type Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import type { EventType } from '@bridgework/schema';
import { type SQL, sql } from 'drizzle-orm';

const MAX_PER_CALL = 500;

/** Why a delivery ends that nobody tries any more. */
export type BurialReason = 'unauthorised' | 'skipped' | 'deleted';

/**
 * Ends deliveries of an endpoint that wait (PENDING or HELD) and answer to `which`, a condition over
 * delivery `d` and endpoint `e`. They are never sent, and the audit log says so of each. At most 500 a call.
 */
export async function buryDeliveries(
  tx: Tx,
  ctx: Context,
  endpoint: { readonly key: number; readonly integrationId: string },
  reason: BurialReason,
  which: SQL,
): Promise<number> {
  const [row] = await tx.execute<{ buried: number }>(sql`
    with buried as (
      update integration.deliveries d
      set state = 'DEAD', dead_reason = ${reason}, updated_at = clock_timestamp()
      where (d.key, d.event_month) in (
        select d.key, d.event_month from integration.deliveries d
        join integration.webhook_endpoints e on e.key = d.endpoint_key
        where d.endpoint_key = ${endpoint.key} and d.state in ('PENDING', 'HELD') and ${which}
        order by d.key limit ${MAX_PER_CALL} for update of d skip locked
      )
      returning d.id
    )
    select count(audit.append(${actorOf(ctx.caller)}, ${endpoint.integrationId}, 'webhook.deliver', 'delivery', id,
      'FAILED', ${reason}, ${ctx.requestId}, 1))::integer as buried
    from buried
  `);
  return row?.buried ?? 0;
}

/** Those of events that their integration may no longer be told of. */
export const buryUnauthorised = (
  tx: Tx,
  ctx: Context,
  endpoint: { readonly key: number; readonly integrationId: string },
  types: readonly EventType[],
): Promise<number> =>
  buryDeliveries(
    tx,
    ctx,
    endpoint,
    'unauthorised',
    sql`d.event_type in (select jsonb_array_elements_text(${JSON.stringify(types)}::jsonb))`,
  );
