import { newId } from '@bridgework/kernel/ids';
import { dateOf, instantAt, isDayOff } from './calendar.ts';
import type { Chance } from './chance.ts';
import type { AppointmentData, AppointmentStatus, ClinicData } from './clinic-data.ts';

interface Diary extends Pick<ClinicData, 'dates' | 'patients' | 'providers' | 'chairs'> {
  readonly fullness: number;
  readonly now: Date;
}

/** Two sessions, 09:00-13:00 and 16:00-21:00, in minutes after midnight. */
const SESSIONS = [
  { from: 9 * 60, until: 13 * 60 },
  { from: 16 * 60, until: 21 * 60 },
];
const LENGTHS_MINUTES = [20, 40, 40, 60];

/**
 * Fills each chair session by session with one provider, so that neither a chair nor a provider is ever booked twice.
 * The clinic works today and the days around it, whatever weekday that is: a demonstration needs them.
 */
export function planAppointments(chance: Chance, diary: Diary): AppointmentData[] {
  const today = dateOf(diary.now);
  const nearToday = new Set(diary.dates.filter((date) => Math.abs(Date.parse(date) - Date.parse(today)) <= 86_400_000));
  const worked = diary.dates.filter((date) => nearToday.has(date) || !isDayOff(date));
  return worked.flatMap((date, day) =>
    SESSIONS.flatMap((session, part) =>
      diary.chairs.flatMap((chair, seat) => {
        const provider = diary.providers[(day + part * 2 + seat) % diary.providers.length];
        // With fewer providers than chairs, the last chairs stay empty.
        if (provider === undefined || seat >= diary.providers.length) return [];
        return fillSession(chance, diary, { date, ...session, chairId: chair.id, providerId: provider.id });
      }),
    ),
  );
}

interface Session {
  readonly date: string;
  readonly from: number;
  readonly until: number;
  readonly chairId: AppointmentData['chair_id'];
  readonly providerId: AppointmentData['provider_id'];
}

function fillSession(chance: Chance, diary: Diary, session: Session): AppointmentData[] {
  const booked: AppointmentData[] = [];
  for (let minutes = session.from; minutes < session.until; ) {
    const length = Math.min(chance.pick(LENGTHS_MINUTES), session.until - minutes);
    if (chance.happens(diary.fullness)) {
      const startsAt = instantAt(session.date, minutes);
      const endsAt = instantAt(session.date, minutes + length);
      booked.push({
        id: newId('apt'),
        patient_id: chance.pick(diary.patients).id,
        provider_id: session.providerId,
        chair_id: session.chairId,
        starts_at: startsAt,
        ends_at: endsAt,
        status: fateOf(chance, startsAt, endsAt, diary.now),
      });
    }
    minutes += length;
  }
  return booked;
}

function fateOf(chance: Chance, startsAt: Date, endsAt: Date, now: Date): AppointmentStatus {
  // Drawn whatever the time, so that the rest of the plan does not depend on the hour.
  const draw = chance.between(1, 100);
  if (endsAt <= now) return draw <= 85 ? 'COMPLETED' : draw <= 94 ? 'CANCELLED' : 'NO_SHOW';
  if (startsAt <= now) return 'IN_PROGRESS';
  const isSoon = startsAt.getTime() - now.getTime() < 3 * 86_400_000;
  if (draw > 95) return 'CANCELLED';
  return isSoon && draw <= 60 ? 'CONFIRMED' : 'SCHEDULED';
}
