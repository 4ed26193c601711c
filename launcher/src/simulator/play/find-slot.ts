import type { TransactionSql } from 'postgres';

export interface Slot {
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly providerId: string;
  readonly chairId: string;
}

export interface Wish {
  readonly from: Date;
  readonly until: Date;
  readonly minutes: number;
}

/** Two sessions, 09:00-13:00 and 16:00-21:00, in minutes after midnight. */
export const SESSIONS = [
  { from: 9 * 60, until: 13 * 60 },
  { from: 16 * 60, until: 21 * 60 },
] as const;

/** The first stretch in which a provider and a chair are free, also of what is over by now; undefined when there is none. */
export async function findSlot(tx: TransactionSql, { from, until, minutes }: Wish): Promise<Slot | undefined> {
  const [slot] = await tx<Slot[]>`
    select s.starts_at as "startsAt", s.ends_at as "endsAt", p.id as "providerId", c.id as "chairId"
    from (select at as starts_at, at + make_interval(mins => ${minutes}) as ends_at
      from generate_series(${from}::timestamptz, ${until}::timestamptz, '20 minutes') at) s
    cross join appointment.providers p cross join appointment.chairs c
    where p.active and c.active and s.ends_at <= ${until} and not exists (
      select 1 from appointment.appointments a
      where a.status not in ('CANCELLED', 'NO_SHOW') and (a.provider_id = p.id or a.chair_id = c.id)
        and a.starts_at < s.ends_at and a.ends_at > s.starts_at and a.starts_at > s.starts_at - interval '12 hours')
    order by s.starts_at, p.key, c.key limit 1`;
  return slot;
}
