import type { Sql } from 'postgres';

/** What confirmations leave behind, counted over the whole clinic. */
export interface Effects {
  readonly payments: number;
  /** `payment.received`, as the outbox holds it. */
  readonly events: number;
  /** Confirmations that became a payment, and those that wait for a manager. */
  readonly confirmed: number;
  readonly kept: number;
  /** Entries of the audit log by result, the test's own marker left out. */
  readonly ok: number;
  readonly replay: number;
  readonly rejected: number;
  readonly denied: number;
}

export const NOTHING: Effects = {
  payments: 0,
  events: 0,
  confirmed: 0,
  kept: 0,
  ok: 0,
  replay: 0,
  rejected: 0,
  denied: 0,
};

export async function countEffects(sql: Sql): Promise<Effects> {
  const [row] = await sql<[Effects]>`
    with audited as (
      select result from audit.entries
      where action = 'payment.confirm'
        -- Refused tokens are summed up and told when their minute ends, which may be in the middle of another row.
        or (action = 'document.execute' and result = 'DENIED'
          and integration_id is not null and coalesce(entity_id, '') <> 'LowStockV1')
    )
    select
      (select count(*)::int from billing.payments) as payments,
      (select count(*)::int from outbox.events where type = 'payment.received') as events,
      (select count(*)::int from billing.terminal_confirmations where status = 'RECORDED') as confirmed,
      (select count(*)::int from billing.terminal_confirmations where status in ('REJECTED', 'DUPLICATE')) as kept,
      (select count(*)::int from audited where result = 'OK') as ok,
      (select count(*)::int from audited where result = 'REPLAY') as replay,
      (select count(*)::int from audited where result = 'REJECTED') as rejected,
      (select count(*)::int from audited where result = 'DENIED') as denied`;
  return row;
}
