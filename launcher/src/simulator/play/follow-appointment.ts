import { type Booked, findSlotOn } from './book.ts';
import { checkOut } from './check-out.ts';
import { type ClinicDay, later, wantsTo } from './play.ts';
import { beginVisit, completeVisit } from './visit.ts';

/** Puts on the agenda what becomes of an appointment of this day: most are kept, some are moved, cancelled or missed. */
export function followAppointment(day: ClinicDay, booked: Booked): void {
  const { id, startsAt, endsAt } = booked;
  const before = (minutes: number) => new Date(Math.max(later(startsAt, -minutes).getTime(), day.at(8 * 60).getTime()));
  if (booked.status === 'SCHEDULED') day.agenda.add(before(120), () => confirm(day, id));
  // Nobody moves an appointment twice on one day.
  const isSettled = booked.status === 'IN_PROGRESS';
  const moves = !isSettled && wantsTo(day, 'move', 0.08);
  const fate = isSettled ? 100 : day.chance.between(1, 100);
  if (moves) day.agenda.add(before(60), () => move(day, booked));
  else if (fate <= 5) day.agenda.add(before(90), () => end(day, id, 'CANCELLED'));
  else if (fate <= 10) day.agenda.add(later(startsAt, 20), () => end(day, id, 'NO_SHOW'));
  else keep(day, id, later(startsAt, day.chance.between(0, 10)), endsAt);
}

function keep(day: ClinicDay, id: string, beginsAt: Date, endsAt: Date): void {
  day.agenda.add(beginsAt, async () => {
    const visit = await beginVisit(day, id, beginsAt);
    if (visit === undefined) return;
    day.agenda.add(endsAt, async () => {
      const treatment = await completeVisit(day, visit, endsAt);
      if (treatment === undefined) return;
      const leavesAt = later(endsAt, day.chance.between(3, 10));
      day.agenda.add(leavesAt, () => checkOut(day, treatment, leavesAt));
    });
  });
}

async function confirm({ sql, tally }: ClinicDay, id: string): Promise<void> {
  const { count } = await sql`update appointment.appointments set status = 'CONFIRMED'
    where id = ${id} and status = 'SCHEDULED'`;
  tally.confirmed += count;
}

async function end({ sql, tally }: ClinicDay, id: string, status: 'CANCELLED' | 'NO_SHOW'): Promise<void> {
  const { count } = await sql`update appointment.appointments set status = ${status}
    where id = ${id} and status in ('SCHEDULED', 'CONFIRMED')`;
  tally[status === 'CANCELLED' ? 'cancelled' : 'missed'] += count;
}

/** To the next free stretch of the same length this day; when there is none it stays where it is. */
async function move(day: ClinicDay, { id, startsAt, endsAt }: Booked): Promise<void> {
  const minutes = (endsAt.getTime() - startsAt.getTime()) / 60_000;
  const slot = await day.sql.begin(async (tx) => {
    const found = await findSlotOn(tx, day, minutes, endsAt);
    if (found === undefined) return undefined;
    const { count } = await tx`update appointment.appointments
      set starts_at = ${found.startsAt}, ends_at = ${found.endsAt}, provider_id = ${found.providerId},
        chair_id = ${found.chairId}
      where id = ${id} and status in ('SCHEDULED', 'CONFIRMED')`;
    return count === 1 ? found : undefined;
  });
  if (slot !== undefined) day.tally.moved += 1;
  keep(day, id, slot?.startsAt ?? startsAt, slot?.endsAt ?? endsAt);
}
