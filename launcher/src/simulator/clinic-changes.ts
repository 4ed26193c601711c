import type { TransactionSql } from 'postgres';
import { only } from './only.ts';

interface Active {
  readonly id: string;
  readonly status: string;
}

/** Books the next free half hour of any provider and chair, from tomorrow on. */
export async function bookAppointment(tx: TransactionSql): Promise<string> {
  return (await bookNext(tx)).id;
}

async function bookNext(tx: TransactionSql): Promise<Active> {
  const rows = await tx<Active[]>`
    insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    select (select id from appointment.patients order by random() limit 1), p.id, c.id, slot, slot + interval '30 minutes'
    from generate_series(date_trunc('day', now()) + interval '30 hours', now() + interval '60 days', '30 minutes') slot
    cross join appointment.providers p cross join appointment.chairs c
    where p.active and c.active and not exists (
      select 1 from appointment.appointments a
      where a.status in ('SCHEDULED', 'CONFIRMED', 'IN_PROGRESS') and (a.provider_id = p.id or a.chair_id = c.id)
        and tstzrange(a.starts_at, a.ends_at) && tstzrange(slot, slot + interval '30 minutes'))
    order by slot limit 1
    on conflict do nothing
    returning id, status`;
  return only(rows, 'The clinic has no free slot, or somebody just took it.');
}

/** The patient confirms the next appointment that nobody has confirmed yet. */
export async function confirmAppointment(tx: TransactionSql): Promise<string> {
  const rows = await tx<{ id: string }[]>`
    update appointment.appointments set status = 'CONFIRMED'
    where id = (select id from appointment.appointments where status = 'SCHEDULED'
      order by starts_at < now(), starts_at limit 1 for update skip locked)
    returning id`;
  return only(rows, 'No appointment waits for a confirmation.').id;
}

/** Whoever is in the chair is done; when nobody is, the next one comes and is treated at once. */
export async function completeAppointment(tx: TransactionSql): Promise<string> {
  const { id } = await beginNext(tx);
  await tx`update appointment.appointments set status = 'COMPLETED', completed_at = clock_timestamp() where id = ${id}`;
  return id;
}

/** Ends the visit that is under way; when there is none, the next patient is treated at once. */
export async function completeVisit(tx: TransactionSql): Promise<string> {
  const [open] = await tx<{ id: string; key: string }[]>`
    select id, key from appointment.visits where status = 'OPEN' order by started_at limit 1 for update skip locked`;
  const visit = open ?? (await startVisit(tx));
  await tx`insert into appointment.visit_procedures (visit_key, code, name)
    values (${visit.key}, 'D0120', 'Periodic examination')`;
  await tx`update appointment.visits set status = 'COMPLETED', completed_at = clock_timestamp() where key = ${visit.key}`;
  return visit.id;
}

async function startVisit(tx: TransactionSql): Promise<{ id: string; key: string }> {
  const appointment = await beginNext(tx, 'without a visit');
  return only(
    await tx<{ id: string; key: string }[]>`
      insert into appointment.visits (appointment_id, patient_id, provider_id)
      select id, patient_id, provider_id from appointment.appointments where id = ${appointment.id} returning id, key`,
    'The visit could not be opened.',
  );
}

/** An appointment that is in progress afterwards: one that was, or else the earliest that somebody still expects. */
async function beginNext(tx: TransactionSql, wish?: 'without a visit'): Promise<Active> {
  const [found] = await tx<Active[]>`
    select id, status from appointment.appointments a
    where status in ('SCHEDULED', 'CONFIRMED', 'IN_PROGRESS')
      and (${wish === undefined} or not exists (select 1 from appointment.visits v where v.appointment_id = a.id))
    order by status = 'IN_PROGRESS' desc, starts_at limit 1 for update skip locked`;
  const { id, status } = found ?? (await bookNext(tx));
  if (status === 'SCHEDULED') await tx`update appointment.appointments set status = 'CONFIRMED' where id = ${id}`;
  if (status !== 'IN_PROGRESS') await tx`update appointment.appointments set status = 'IN_PROGRESS' where id = ${id}`;
  return { id, status: 'IN_PROGRESS' };
}
