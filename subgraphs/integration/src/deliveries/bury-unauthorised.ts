import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import type { EventType } from '@bridgework/schema';
import { sql } from 'drizzle-orm';

const MAX_PER_CALL = 500;

/** Ends deliveries that their integration may no longer be told of. They are never sent, and the audit log says so. */
export async function buryUnauthorised(
  tx: Tx,
  ctx: Context,
  endpoint: { readonly key: number; readonly integrationId: string },
  types: readonly EventType[],
): Promise<number> {
  const dead = await tx.execute<{ id: string }>(sql`
    update integration.deliveries d set state = 'DEAD', dead_reason = 'unauthorised', updated_at = clock_timestamp()
    where d.key in (
      select key from integration.deliveries
      where endpoint_key = ${endpoint.key} and state in ('PENDING', 'HELD')
        and event_type in (select jsonb_array_elements_text(${JSON.stringify(types)}::jsonb))
      order by key limit ${MAX_PER_CALL} for update skip locked
    )
    returning d.id
  `);
  // Statements of one transaction travel together; each row is an entry of its own.
  await Promise.all(
    dead.map(({ id }) =>
      recordAudit(tx, ctx, {
        action: 'webhook.deliver',
        entity: 'delivery',
        entityId: id,
        integrationId: endpoint.integrationId,
        result: 'FAILED',
        errorMessage: 'unauthorised',
      }),
    ),
  );
  return dead.length;
}
