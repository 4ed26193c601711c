import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { DomainError } from '@bridgework/kernel/errors';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { idempotencyKey, parseInput } from '../input.ts';
import { partnerOnce } from '../partner-step.ts';
import { type Delivery, deliveryById } from './find-deliveries.ts';

/** A delivery that a partner asked for; `replayed`: under this key it was asked for before, and nothing more is sent. */
export interface SentDelivery {
  readonly delivery: Delivery;
  readonly replayed: boolean;
}

const ReplayOwnDelivery = z.object({ id: z.string(), idempotencyKey });

/**
 * Sends one of the caller's own deliveries again, delivered or dead, under the same event id and with a schedule that
 * starts anew. What the integration may read now decides what it is told.
 *
 * Throws NOT_FOUND for one that is not theirs, CONFLICT while it is on its way or when its endpoint was deleted,
 * IDEMPOTENCY_KEY_REUSED.
 */
export async function replayOwnDelivery(ctx: Context, args: unknown): Promise<SentDelivery> {
  const { id, idempotencyKey: key } = parseInput(ReplayOwnDelivery, args);
  return partnerOnce(
    ctx,
    { action: 'webhook.replay', entity: 'delivery' },
    { operation: 'replayOwnDelivery', idempotencyKey: key, input: { id } },
    async (tx, { integrationId }) => {
      await demandReplayable(tx, id, integrationId);
      await tx.execute(sql`
        update integration.deliveries set ${replayed} where id = ${id} and state in ('DELIVERED', 'DEAD')`);
      return { id, integrationId, result: { delivery: await deliveryById(tx, id), replayed: false } };
    },
    sentBefore,
  );
}

/** What a key that comes again is answered. Throws NOT_FOUND when the delivery is past its retention. */
export const sentBefore = async (tx: Tx, id: string): Promise<SentDelivery> => ({
  delivery: await deliveryById(tx, id),
  replayed: true,
});

/** SQL: what a replay sets; the guard on the table demands exactly one generation more. */
export const replayed = sql`state = 'PENDING', generation = generation + 1, attempts = 0, crashes = 0, dead_reason = null,
  next_at = clock_timestamp(), updated_at = clock_timestamp()`;

async function demandReplayable(tx: Tx, id: string, integrationId: string): Promise<void> {
  const [row] = await tx.execute<{ state: string; deleted: boolean }>(sql`
    select d.state, e.deleted_at is not null as deleted
    from integration.deliveries d
    join integration.webhook_endpoints e on e.key = d.endpoint_key
    join integration.integrations i on i.key = e.integration_key
    where d.id = ${id} and i.id = ${integrationId}
    for no key update of d
  `);
  if (row === undefined) throw new DomainError('NOT_FOUND');
  if (row.deleted) throw new DomainError('CONFLICT', { detail: 'Its endpoint was deleted.' });
  if (row.state === 'DELIVERED' || row.state === 'DEAD') return;
  throw new DomainError('CONFLICT', { detail: `The delivery is ${row.state}: it is on its way already.` });
}
