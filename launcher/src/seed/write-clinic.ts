import type { TransactionSql } from 'postgres';
import { CLINIC_STAFF, DEVELOPMENT_ISSUER } from '../development-issuer.ts';
import { addDays, dateOf } from './calendar.ts';
import type { AppointmentStatus, ClinicData } from './clinic-data.ts';
import { insertRows, readKeys } from './insert-rows.ts';
import { CLINIC_NAME, CLINIC_TIME_ZONE } from './names.ts';

/**
 * Writes a planned clinic the way a clinic comes about: appointments are booked, then kept; invoices are drafted, issued,
 * then paid. Every trigger is on, so a plan that breaks a rule of the database is refused as anybody's would be.
 */
export async function writeClinic(tx: TransactionSql, clinic: ClinicData, now: Date): Promise<void> {
  await tx`insert into appointment.clinic_settings (name, time_zone, default_currency)
    values (${CLINIC_NAME}, ${CLINIC_TIME_ZONE}, 'SAR')`;
  await insertRows(
    tx,
    'appointment.staff_users',
    CLINIC_STAFF.map(({ subject, name, role }) => ({ issuer: DEVELOPMENT_ISSUER, subject, full_name: name, role })),
  );
  await insertRows(tx, 'appointment.patients', clinic.patients);
  await insertRows(tx, 'appointment.providers', clinic.providers);
  await insertRows(tx, 'appointment.chairs', clinic.chairs);
  await writeAppointments(tx, clinic, now);
  await writeVisits(tx, clinic);
  await openDays(tx, clinic, now);
  await writeInvoices(tx, clinic);
  await writeStock(tx, clinic);
  await insertRows(
    tx,
    'billing.expenses',
    clinic.expenses.map((expense) => ({ ...expense, currency: 'SAR' })),
  );
  await tx`select billing.mark_overdue_installments(10000)`;
  await closeDays(tx, clinic, now);
  // Partners are told of what happens from now on, not of a history that was made up.
  await tx`update outbox.events set fanned_out_at = now() where fanned_out_at is null`;
}

const CONFIRMED_FIRST: readonly AppointmentStatus[] = ['CONFIRMED', 'IN_PROGRESS', 'COMPLETED', 'NO_SHOW'];
const BEGUN_FIRST: readonly AppointmentStatus[] = ['IN_PROGRESS', 'COMPLETED'];

async function writeAppointments(tx: TransactionSql, { appointments }: ClinicData, now: Date): Promise<void> {
  const bookedAt = (startsAt: Date) => new Date(Math.min(startsAt.getTime() - 6 * 86_400_000, now.getTime()));
  await insertRows(
    tx,
    'appointment.appointments',
    appointments.map(({ status: _fate, ...booked }) => ({
      ...booked,
      created_at: bookedAt(booked.starts_at),
      updated_at: bookedAt(booked.starts_at),
    })),
  );
  const idsOf = (...fates: readonly AppointmentStatus[]) =>
    appointments.filter(({ status }) => fates.includes(status)).map(({ id }) => id);
  const become = (status: AppointmentStatus, ids: readonly string[]) =>
    tx`update appointment.appointments set status = ${status},
      completed_at = case when ${status} = 'COMPLETED' then ends_at end
      where id = any (${ids})`;
  await become('CONFIRMED', idsOf(...CONFIRMED_FIRST));
  await become('IN_PROGRESS', idsOf(...BEGUN_FIRST));
  await become('COMPLETED', idsOf('COMPLETED'));
  await become('CANCELLED', idsOf('CANCELLED'));
  await become('NO_SHOW', idsOf('NO_SHOW'));
}

async function writeVisits(tx: TransactionSql, { visits }: ClinicData): Promise<void> {
  await insertRows(
    tx,
    'appointment.visits',
    visits.map(({ id, appointment }) => ({
      id,
      appointment_id: appointment.id,
      patient_id: appointment.patient_id,
      provider_id: appointment.provider_id,
      started_at: appointment.starts_at,
      created_at: appointment.starts_at,
      updated_at: appointment.starts_at,
    })),
  );
  const keyOf = await readKeys(tx, 'appointment.visits');
  await insertRows(
    tx,
    'appointment.visit_procedures',
    visits.flatMap(({ id, appointment, procedures }) =>
      procedures.map(({ code, name, tooth }) => ({
        visit_key: keyOf(id),
        code,
        name,
        tooth,
        performed_at: appointment.ends_at,
      })),
    ),
  );
  const completed = visits.filter(({ isCompleted }) => isCompleted).map(({ id }) => id);
  await tx`update appointment.visits v set status = 'COMPLETED', completed_at = a.ends_at
    from appointment.appointments a where a.id = v.appointment_id and v.id = any (${completed})`;
}

/** Each day up to today takes rows until it is closed; closed days and months can be exported from the first day on. */
async function openDays(tx: TransactionSql, { dates }: ClinicData, now: Date): Promise<void> {
  const past = dates.filter((date) => date <= dateOf(now));
  await insertRows(
    tx,
    'billing.business_days',
    past.map((date) => ({ business_date: date })),
  );
  const months = [...new Set(past.map((date) => `${date.slice(0, 7)}-01`))];
  await insertRows(
    tx,
    'billing.months',
    months.map((month) => ({ month })),
  );
}

async function closeDays(tx: TransactionSql, { dates }: ClinicData, now: Date): Promise<void> {
  const openFrom = addDays(dateOf(now), -2);
  const past = dates.filter((date) => date < openFrom);
  await tx`select billing.close_business_day(day, 'system clinic.seed') from unnest(${past}::date[]) day`;
  await tx`select billing.close_month(month, 'system clinic.seed') from billing.months
    where month + interval '1 month' <= ${openFrom}::date order by month`;
}

async function writeInvoices(tx: TransactionSql, { invoices }: ClinicData): Promise<void> {
  await insertRows(
    tx,
    'billing.invoices',
    invoices.map(({ id, patient_id, visit_id, currency, total_minor, due_on }) => ({
      id,
      patient_id,
      visit_id,
      currency,
      total_minor,
      due_on,
    })),
  );
  const keyOf = await readKeys(tx, 'billing.invoices');
  const numbered = <Row extends object>(id: string, rows: readonly Row[], counter: string) =>
    rows.map((row, index) => ({ invoice_key: keyOf(id), [counter]: index + 1, ...row }));
  await insertRows(
    tx,
    'billing.invoice_lines',
    invoices.flatMap(({ id, lines }) => numbered(id, lines, 'position')),
  );
  await insertRows(
    tx,
    'billing.installments',
    invoices.flatMap(({ id, installments }) => numbered(id, installments, 'number')),
  );
  const issued = invoices.filter(({ isDraft }) => !isDraft).map(({ id, issued_on }) => ({ id, issued_on }));
  await tx`update billing.invoices i set status = 'ISSUED', issued_on = given.issued_on
    from jsonb_populate_recordset(null::billing.invoices, ${JSON.stringify(issued)}::text::jsonb) given
    where i.id = given.id`;
  const payments = invoices.flatMap(({ id, currency, payments: made }) =>
    made.map((payment) => ({ invoice_id: id, currency, ...payment })),
  );
  await insertRows(
    tx,
    'billing.payments',
    payments.toSorted((one, other) => one.captured_at.getTime() - other.captured_at.getTime()),
  );
}

async function writeStock(tx: TransactionSql, { items, materials }: ClinicData): Promise<void> {
  await insertRows(
    tx,
    'inventory.items',
    items.map(({ opening: _opening, ...item }) => ({ ...item, unit_cost_currency: 'SAR' })),
  );
  const keyOf = await readKeys(tx, 'inventory.items');
  await insertRows(
    tx,
    'inventory.stock_movements',
    items.map(({ id, opening, unit_cost_minor }) => ({
      item_key: keyOf(id),
      quantity: opening,
      reason: 'OPENING',
      unit_cost_minor,
    })),
  );
  await insertRows(
    tx,
    'inventory.visit_materials',
    materials.map(({ item_id, ...used }) => ({ item_key: keyOf(item_id), ...used })),
  );
}
