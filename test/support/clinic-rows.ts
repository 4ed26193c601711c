import type { Sql } from 'postgres';

/** A clinic in Riyadh with two providers and chairs and a patient whose name and phone must never travel. */
export const SECRET_NAME = 'Noura Al-Harbi';
export const SECRET_PHONE = '+966501234567';

export interface ClinicRows {
  readonly patientId: string;
  readonly providerIds: readonly [string, string];
  readonly chairIds: readonly [string, string];
}

/** Writes the rows everything else hangs on, as core_app. */
export async function writeClinicRows(core: Sql, timeZone = 'Asia/Riyadh'): Promise<ClinicRows> {
  await core`insert into appointment.clinic_settings (name, time_zone, default_currency)
    values ('Bright Smile', ${timeZone}, 'SAR')`;
  const [patient] = await core<{ id: string }[]>`insert into appointment.patients (full_name, phone_e164)
    values (${SECRET_NAME}, ${SECRET_PHONE}) returning id`;
  const providers = await core<{ id: string }[]>`insert into appointment.providers (name, specialty)
    values ('Dr One', 'Orthodontics'), ('Dr Two', 'Endodontics') returning id`;
  const chairs = await core<{ id: string }[]>`insert into appointment.chairs (name) values ('1'), ('2') returning id`;
  return { patientId: idOf(patient), providerIds: pairOf(providers), chairIds: pairOf(chairs) };
}

export interface SlotOptions {
  readonly startsAt?: string;
  readonly endsAt?: string;
  readonly provider?: 0 | 1;
  readonly chair?: 0 | 1;
}

export async function bookAppointment(core: Sql, clinic: ClinicRows, slot: SlotOptions = {}): Promise<string> {
  const [row] = await core<{ id: string }[]>`insert into appointment.appointments
      (patient_id, provider_id, chair_id, starts_at, ends_at)
    values (${clinic.patientId}, ${clinic.providerIds[slot.provider ?? 0]}, ${clinic.chairIds[slot.chair ?? 0]},
      ${slot.startsAt ?? '2030-01-01T08:00:00Z'}, ${slot.endsAt ?? '2030-01-01T08:30:00Z'}) returning id`;
  return idOf(row);
}

export interface InvoiceOptions {
  readonly totalMinor?: number;
  readonly currency?: string;
  readonly dueOn?: string;
}

/** Drafts and issues an invoice, as core_app. */
export async function issueInvoice(core: Sql, clinic: ClinicRows, options: InvoiceOptions = {}): Promise<string> {
  const id = await draftInvoice(core, clinic, options);
  await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
  return id;
}

export async function draftInvoice(core: Sql, clinic: ClinicRows, options: InvoiceOptions = {}): Promise<string> {
  const [row] = await core<{ id: string }[]>`insert into billing.invoices (patient_id, currency, total_minor, due_on)
    values (${clinic.patientId}, ${options.currency ?? 'SAR'}, ${options.totalMinor ?? 10_000},
      ${options.dueOn ?? '2030-01-31'}) returning id`;
  return idOf(row);
}

/** An integration that is ACTIVE with the given approved scopes, its sensitive ones approved for a year. */
export async function activeIntegration(registry: Sql, name: string, scopes: readonly string[]): Promise<number> {
  const [row] = await registry<{ key: string }[]>`insert into integration.integrations
      (name, purpose, business_justification, data_scope, risk_assessment, internal_owner, review_every_months,
        requested_scopes, created_by)
    values (${name}, 'test', 'why', 'what', 'low', 'owner', 6, ${[...scopes]}, 'user a') returning key`;
  const key = Number(row?.key);
  await registry`update integration.integrations set status = 'SUBMITTED', submitted_by = 'user a', submitted_at = now()
    where key = ${key}`;
  await approveScopes(registry, key, scopes);
  await registry`update integration.integrations set status = 'ACTIVE', decided_by = 'user b', decided_at = now(),
    approved_scopes = ${[...scopes]}, review_due_on = current_date + 180 where key = ${key}`;
  return key;
}

/** Approvals of what is sensitive among the scopes, for a year: asked by one person, decided by another. */
export async function approveScopes(sql: Sql, integrationKey: number, scopes: readonly string[]): Promise<void> {
  await sql`insert into integration.approvals (integration_key, kind, scope, justification, requested_by)
    select ${integrationKey}, 'SCOPE', scope, 'why', 'user a' from unnest(${[...scopes]}::text[]) as scope
    where scope = any (integration.sensitive_scopes())`;
  await sql`update integration.approvals set status = 'APPROVED', decided_by = 'user b', decided_at = now(),
    expires_at = now() + interval '1 year' where integration_key = ${integrationKey} and kind = 'SCOPE'`;
}

function idOf(row: { readonly id: string } | undefined): string {
  if (row === undefined) throw new Error('the statement returned no row');
  return row.id;
}

function pairOf(rows: readonly { readonly id: string }[]): readonly [string, string] {
  return [idOf(rows[0]), idOf(rows[1])];
}
