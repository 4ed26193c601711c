import { CLINIC_STAFF, DEVELOPMENT_ISSUER } from '@bridgework/launcher';
import type { ISql } from 'postgres';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

/** `fixedId('apt', 3)`: the same in every run, and of no id that was ever made. */
export const fixedId = (prefix: string, number: number): string => `${prefix}_${String(number).padStart(26, '0')}`;

/**
 * A clinic of March 2026 in which everything that partners see is written down: ids, instants and amounts. The triggers,
 * which would write the time of the run, are off while it is filled.
 */
export async function createFixedClinic(): Promise<TestDatabase> {
  const database = await createDatabase();
  await database.as('owner', 1).begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await writePeople(tx);
    await writeAppointments(tx);
    await writeBooks(tx);
    await tx`insert into inventory.items (id, sku, name, on_hand, reorder_point, unit_cost_minor, unit_cost_currency)
      values (${fixedId('itm', 1)}, 'GLV-M', 'قفازات M', 3, 10, 1250, 'SAR'), (${fixedId('itm', 2)}, 'MSK-1', 'Masks', 90, 10, 400, 'SAR')`;
  });
  return database;
}

async function writePeople(tx: ISql): Promise<void> {
  await tx`insert into appointment.clinic_settings (name, time_zone, default_currency, updated_at)
    values ('Bright Smile', 'Asia/Riyadh', 'SAR', '2026-01-01T00:00:00Z')`;
  for (const { subject, name, role } of CLINIC_STAFF) {
    await tx`insert into appointment.staff_users (issuer, subject, full_name, role)
      values (${DEVELOPMENT_ISSUER}, ${subject}, ${name}, ${role})`;
  }
  for (let number = 1; number <= 6; number += 1) {
    await tx`insert into appointment.patients (id, full_name, phone_e164, created_at, updated_at)
      values (${fixedId('pat', number)}, ${number === 1 ? 'نورة الحربي' : `Patient Number ${number}`},
        ${`+96650123456${number}`}, '2026-01-05T09:00:00Z', '2026-01-05T09:00:00Z')`;
  }
  for (const number of [1, 2]) {
    await tx`insert into appointment.providers (id, name, specialty)
      values (${fixedId('prv', number)}, ${`Dr ${number}`}, 'Orthodontics')`;
    await tx`insert into appointment.chairs (id, name) values (${fixedId('chr', number)}, ${String(number)})`;
  }
}

/** One appointment a day from 2 March on, all kept but the last two; the first was a visit of two procedures. */
async function writeAppointments(tx: ISql): Promise<void> {
  for (let number = 1; number <= 8; number += 1) {
    const day = `2026-03-${String(number + 1).padStart(2, '0')}`;
    const status = number === 8 ? 'CANCELLED' : number === 7 ? 'NO_SHOW' : 'COMPLETED';
    await tx`insert into appointment.appointments (id, patient_id, provider_id, chair_id, starts_at, ends_at, status,
        completed_at, created_at, updated_at, sequence)
      values (${fixedId('apt', number)}, ${fixedId('pat', ((number - 1) % 6) + 1)}, ${fixedId('prv', 1)},
        ${fixedId('chr', 1)}, ${`${day}T08:00:00Z`}, ${`${day}T08:30:00Z`}, ${status},
        ${status === 'COMPLETED' ? `${day}T08:30:00Z` : null}, '2026-02-20T10:00:00Z', ${`${day}T08:31:00Z`}, 3)`;
    if (status !== 'COMPLETED') continue;
    const [visit] = await tx<{ key: string }[]>`insert into appointment.visits (id, appointment_id, patient_id,
        provider_id, status, started_at, completed_at, procedure_count, created_at, updated_at)
      values (${fixedId('vis', number)}, ${fixedId('apt', number)}, ${fixedId('pat', number)}, ${fixedId('prv', 1)},
        'COMPLETED', ${`${day}T08:00:00Z`}, ${`${day}T08:30:00Z`}, 2, ${`${day}T08:00:00Z`}, ${`${day}T08:31:00Z`})
      returning key`;
    await tx`insert into appointment.visit_procedures (id, visit_key, code, name, tooth, performed_at)
      values (${fixedId('prc', number * 2)}, ${visit?.key ?? ''}, 'D2330', 'Composite, one surface', '11', ${`${day}T08:10:00Z`}),
        (${fixedId('prc', number * 2 + 1)}, ${visit?.key ?? ''}, 'D1110', 'تنظيف', null, ${`${day}T08:20:00Z`})`;
  }
}

/** A closed day with one payment, and invoices in each state that a terminal can meet. */
async function writeBooks(tx: ISql): Promise<void> {
  await tx`insert into billing.business_days (business_date, status, closed_at, closed_by)
    values ('2026-03-02', 'CLOSED', '2026-03-02T20:00:00Z', 'Huda')`;
  const states = [
    ['ISSUED', 0, '2026-03-02', null],
    ['PAID', 10_000, '2026-03-02', null],
    ['DRAFT', 0, null, null],
    ['VOID', 0, '2026-03-02', '2026-03-03'],
    ['ISSUED', 0, '2026-03-02', null],
  ] as const;
  for (const [index, [status, paid, issued, voided]] of states.entries()) {
    const number = index + 1;
    await tx`insert into billing.invoices (id, reference, number, patient_id, currency, total_minor, paid_minor, status,
        issued_on, due_on, voided_on, created_at, updated_at)
      values (${fixedId('inv', number)}, ${`REF-${number}`}, ${`INV-${number}`}, ${fixedId('pat', number)}, 'SAR', 10000,
        ${paid}, ${status}, ${issued}, '2026-04-02', ${voided}, '2026-03-02T09:00:00Z', '2026-03-02T09:00:00Z')`;
  }
  await tx`insert into billing.payments (id, invoice_id, currency, amount_minor, method, captured_at, business_date,
      late_posted, created_at)
    values (${fixedId('pay', 1)}, ${fixedId('inv', 2)}, 'SAR', 10000, 'CASH', '2026-03-02T09:30:00Z', '2026-03-02', false,
      '2026-03-02T09:30:00Z')`;
}
