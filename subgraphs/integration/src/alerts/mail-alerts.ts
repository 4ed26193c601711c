import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';

/** An alert that nobody has been written about yet. */
export interface UnmailedAlert {
  readonly id: string;
  readonly kind: string;
  readonly detail: string;
  readonly raisedAt: Date;
}

const MAX_ALERTS = 200;
/** A worker that takes longer has died; another one writes then. */
const TURN_SECONDS = 60;

/** Takes what is to be written about, oldest first. */
export async function claimUnmailedAlerts(ctx: Context): Promise<readonly UnmailedAlert[]> {
  const rows = await ctx.db.execute<{ id: string; kind: string; detail: string; raised_at: string }>(sql`
    update integration.alerts a set mailing_until = clock_timestamp() + make_interval(secs => ${TURN_SECONDS})
    where a.key in (
      select key from integration.alerts
      where notified_at is null and (mailing_until is null or mailing_until < clock_timestamp())
      order by key limit ${MAX_ALERTS} for update skip locked
    )
    returning a.id, a.kind, a.detail, a.raised_at
  `);
  return rows
    .map(({ raised_at, ...row }) => ({ ...row, raisedAt: new Date(raised_at) }))
    .toSorted((left, right) => left.raisedAt.getTime() - right.raisedAt.getTime());
}

/** The mail has been taken by the server, or it has not and is written again. */
export async function finishMail(ctx: Context, alerts: readonly UnmailedAlert[], sent: boolean): Promise<void> {
  const ids = JSON.stringify(alerts.map(({ id }) => id));
  await ctx.db.execute(sql`
    update integration.alerts set mailing_until = null, notified_at = case when ${sent} then clock_timestamp() end
    where notified_at is null and id in (select jsonb_array_elements_text(${ids}::jsonb))
  `);
}
