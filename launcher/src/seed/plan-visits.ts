import { newId } from '@bridgework/kernel/ids';
import type { Chance } from './chance.ts';
import type { AppointmentData, ProcedureData, VisitData } from './clinic-data.ts';
import { PROCEDURES } from './names.ts';

/** A visit for whoever came: finished ones have their procedures, the one under way has not. */
export function planVisits(chance: Chance, appointments: readonly AppointmentData[]): VisitData[] {
  return appointments.flatMap((appointment): VisitData[] => {
    if (appointment.status === 'IN_PROGRESS') {
      return [{ id: newId('vis'), appointment, isCompleted: false, procedures: [] }];
    }
    if (appointment.status !== 'COMPLETED') return [];
    const procedures = Array.from({ length: chance.between(1, 3) }, () => planProcedure(chance));
    return [{ id: newId('vis'), appointment, isCompleted: true, procedures }];
  });
}

/** Teeth by the FDI notation, 11 to 48. */
function planProcedure(chance: Chance): ProcedureData {
  const { code, name, riyals } = chance.pick(PROCEDURES);
  const tooth = `${chance.between(1, 4)}${chance.between(1, 8)}`;
  return { code, name, riyals, tooth: chance.happens(0.6) ? tooth : null };
}
