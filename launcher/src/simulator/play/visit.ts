import type { TransactionSql } from 'postgres';
import { PROCEDURES } from '../../seed/names.ts';
import { only } from '../only.ts';
import type { ClinicDay } from './play.ts';
import { useMaterial } from './stock.ts';

export interface OpenVisit {
  readonly id: string;
  readonly key: string;
  readonly appointmentId: string;
  readonly patientId: string;
}

/** What was done, and what it costs in whole units of the clinic's currency. */
export interface Treatment {
  readonly visitId: string;
  readonly patientId: string;
  readonly lines: readonly { readonly description: string; readonly units: number }[];
}

/** The patient is in the chair; undefined when the appointment is not to be had any more. */
export async function beginVisit({ sql }: ClinicDay, id: string, at: Date): Promise<OpenVisit | undefined> {
  return sql.begin(async (tx) => {
    const { count } = await tx`update appointment.appointments set status = 'IN_PROGRESS'
      where id = ${id} and status = 'CONFIRMED'`;
    const [begun] = await tx`select 1 from appointment.appointments where id = ${id} and status = 'IN_PROGRESS'`;
    if (count === 0 && begun === undefined) return undefined;
    await tx`insert into appointment.visits (appointment_id, patient_id, provider_id, started_at)
      select id, patient_id, provider_id, ${at} from appointment.appointments where id = ${id} on conflict do nothing`;
    const [visit] = await tx<OpenVisit[]>`
      select id, key, appointment_id as "appointmentId", patient_id as "patientId" from appointment.visits
      where appointment_id = ${id} and status = 'OPEN'`;
    return visit;
  });
}

/** One to three procedures and what they use up; then visit and appointment are over. Undefined when they were already. */
export async function completeVisit(day: ClinicDay, visit: OpenVisit, at: Date): Promise<Treatment | undefined> {
  const { chance, sql, tally } = day;
  const procedures = Array.from({ length: chance.between(1, 3) }, () => ({
    ...chance.pick(PROCEDURES),
    tooth: chance.happens(0.6) ? `${chance.between(1, 4)}${chance.between(1, 8)}` : null,
  }));
  const materials = Array.from({ length: chance.between(1, 3) }, () => ({
    draw: chance.between(0, 9_999),
    quantity: chance.between(1, 3),
  }));
  const lows = await sql.begin(async (tx) => {
    if (!(await isOpen(tx, visit))) return undefined;
    for (const { code, name, tooth } of procedures) {
      await tx`insert into appointment.visit_procedures (visit_key, code, name, tooth, performed_at)
        values (${visit.key}, ${code}, ${name}, ${tooth}, ${at})`;
    }
    let ranLow = 0;
    for (const material of materials) ranLow += await useMaterial(tx, visit.id, material, at);
    await tx`update appointment.visits set status = 'COMPLETED', completed_at = ${at} where key = ${visit.key}`;
    await tx`update appointment.appointments set status = 'COMPLETED', completed_at = ${at}
      where id = ${visit.appointmentId} and status = 'IN_PROGRESS'`;
    return ranLow;
  });
  if (lows === undefined) return undefined;
  tally.treated += 1;
  tally.ranLow += lows;
  if (lows > 0) day.wanted.delete('low stock');
  const lines = procedures.map(({ name, riyals }) => ({ description: name, units: riyals }));
  return { visitId: visit.id, patientId: visit.patientId, lines };
}

async function isOpen(tx: TransactionSql, { key }: OpenVisit): Promise<boolean> {
  const rows = await tx<{ status: string }[]>`select status from appointment.visits where key = ${key} for update`;
  return only(rows, 'The visit is gone.').status === 'OPEN';
}
