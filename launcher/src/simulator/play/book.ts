import type { TransactionSql } from 'postgres';
import { ARABIC_FAMILY, ARABIC_GIVEN } from '../../seed/names.ts';
import { only } from '../only.ts';
import { findSlot, SESSIONS, type Slot } from './find-slot.ts';
import { type ClinicDay, MINUTE_MS } from './play.ts';

const LENGTHS_MINUTES = [20, 40, 40, 60];

export interface Booked {
  readonly id: string;
  readonly status: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
}

/** Somebody calls and comes the same day; undefined when the rest of the day is full. */
export async function bookToday(day: ClinicDay, calledAt: Date): Promise<Booked | undefined> {
  const minutes = day.chance.pick(LENGTHS_MINUTES);
  const isNew = day.chance.happens(0.15);
  return day.sql.begin(async (tx) => {
    const patientId = await (isNew ? admitPatient(day, tx) : pickPatient(day, tx));
    const earliest = new Date(calledAt.getTime() + 30 * MINUTE_MS);
    const slot = await findSlotOn(tx, day, minutes, earliest);
    return slot && book(tx, patientId, slot);
  });
}

/** Somebody calls for one of the next two weeks, counted from the day on which the sandbox really is. */
export async function bookAhead(day: ClinicDay): Promise<Booked | undefined> {
  const minutes = day.chance.pick(LENGTHS_MINUTES);
  const daysAhead = day.chance.between(1, 14);
  const session = day.chance.pick(SESSIONS);
  return day.sql.begin(async (tx) => {
    const patientId = await pickPatient(day, tx);
    const { midnight } = only(
      await tx<{ midnight: Date }[]>`select (base.local_date(now()) + ${daysAhead}::integer)::timestamp
        at time zone base.clinic_time_zone() as midnight`,
      'The clinic has no calendar.',
    );
    const at = (minute: number) => new Date(midnight.getTime() + minute * MINUTE_MS);
    const slot = await findSlot(tx, { from: at(session.from), until: at(session.until), minutes });
    return slot && book(tx, patientId, slot);
  });
}

/** The first free stretch of the day that begins no earlier. */
export async function findSlotOn(
  tx: TransactionSql,
  day: ClinicDay,
  minutes: number,
  earliest: Date,
): Promise<Slot | undefined> {
  for (const session of SESSIONS) {
    // On the clinic's grid of twenty minutes, so that neighbours leave no gaps.
    const gridMs = 20 * MINUTE_MS;
    const opens = day.at(session.from).getTime();
    const from = new Date(opens + Math.max(0, Math.ceil((earliest.getTime() - opens) / gridMs)) * gridMs);
    const slot = await findSlot(tx, { from, until: day.at(session.until), minutes });
    if (slot !== undefined) return slot;
  }
  return undefined;
}

/** Undefined when somebody else was quicker: an insert that waits for another's slot would deadlock with it. */
async function book(tx: TransactionSql, patientId: string, slot: Slot): Promise<Booked | undefined> {
  const [booked] = await tx<Booked[]>`
    insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    values (${patientId}, ${slot.providerId}, ${slot.chairId}, ${slot.startsAt}, ${slot.endsAt})
    on conflict do nothing
    returning id, status, starts_at as "startsAt", ends_at as "endsAt"`;
  return booked;
}

async function pickPatient({ chance }: ClinicDay, tx: TransactionSql): Promise<string> {
  const draw = chance.between(0, 9_999);
  const rows = await tx<{ id: string }[]>`
    select id from appointment.patients order by key limit 1
    offset ${draw}::bigint % greatest((select count(*) from appointment.patients), 1)`;
  return only(rows, 'The clinic has no patients.').id;
}

/** A new patient, whose number stands in a block that is easily told. */
async function admitPatient({ chance }: ClinicDay, tx: TransactionSql): Promise<string> {
  const name = `${chance.pick(ARABIC_GIVEN)} ${chance.pick(ARABIC_FAMILY)}`;
  const phone = `+96650001${String(chance.between(0, 9_999)).padStart(4, '0')}`;
  const rows = await tx<{ id: string }[]>`
    insert into appointment.patients (full_name, phone_e164, locale, consents)
    values (${name}, ${phone}, 'ar', '{"sms": true}') returning id`;
  return only(rows, 'The patient could not be admitted.').id;
}
