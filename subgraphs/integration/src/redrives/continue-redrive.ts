import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';
import { replayed } from '../deliveries/replay-delivery.ts';
import { belongsToRedrive } from './redrive.ts';

const MAX_BATCH = 2_000;
/** The cap is kept over this time; a redrive that stood still does not make up for it in one stroke. */
const STEP_MS = 200;

interface Running extends Record<string, unknown> {
  readonly key: string;
  readonly id: string;
  readonly integration_id: string | null;
  readonly allowance: number;
}

/**
 * Takes the oldest redrive that nobody works on one step further: a batch of deliveries and how far it got, in one
 * transaction, so that a worker that dies loses no delivery and sends none twice. The pace is kept by the row itself,
 * however many workers there are. Answers how many deliveries are due again; undefined when there was nothing to do.
 */
export async function continueRedrive(ctx: Context): Promise<number | undefined> {
  return ctx.db.transaction(async (tx) => {
    const [redrive] = await tx.execute<Running>(sql`
      select r.key, r.id, i.id as integration_id,
        least(${MAX_BATCH}, greatest(1, floor(r.per_second * least(1, extract(epoch from clock_timestamp() - r.updated_at)))))::integer
          as allowance
      from integration.redrives r
      left join integration.integrations i on i.key = r.integration_key
      where r.status = 'RUNNING' and r.updated_at <= clock_timestamp() - make_interval(secs => ${STEP_MS / 1000})
      order by r.key limit 1 for no key update of r skip locked
    `);
    return redrive === undefined ? undefined : replayBatch(tx, ctx, redrive);
  });
}

async function replayBatch(tx: Tx, ctx: Context, redrive: Running): Promise<number> {
  const [row] = await tx.execute<{ replayed: number; done: boolean; total: string }>(sql`
    with r as (select * from integration.redrives where key = ${redrive.key}),
    batch as materialized (
      select d.key, d.event_month from r, integration.deliveries d
      join integration.webhook_endpoints e on e.key = d.endpoint_key
      where d.key > r.done_until_key and d.key <= r.last_key and ${belongsToRedrive}
      order by d.key limit ${redrive.allowance} for update of d
    ), sent as (
      update integration.deliveries d set ${replayed}
      from batch where d.key = batch.key and d.event_month = batch.event_month
      returning d.key
    ), counted as (
      select count(*)::integer as replayed, count(*) < ${redrive.allowance} as done, max(key) as until from sent
    ), moved as (
      update integration.redrives r
      set replayed_count = r.replayed_count + c.replayed,
        done_until_key = case when c.done then r.last_key else c.until end,
        status = case when c.done then 'DONE' else 'RUNNING' end,
        finished_at = case when c.done then clock_timestamp() end
      from counted c where r.key = ${redrive.key}
      returning r.replayed_count
    )
    select c.replayed, c.done, m.replayed_count as total from counted c, moved m
  `);
  if (row?.done === true) {
    ctx.log.info({ redrive: redrive.id, replayed: Number(row.total) }, 'redrive.done');
    await recordAudit(tx, ctx, {
      action: 'webhook.finish_redrive',
      entity: 'redrive',
      entityId: redrive.id,
      integrationId: redrive.integration_id,
      result: 'OK',
      errorMessage: `${row.total} deliveries are due again.`,
    });
  }
  return row?.replayed ?? 0;
}
