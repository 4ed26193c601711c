import type { Sql } from 'postgres';
import {
  activeIntegration,
  bookAppointment,
  draftInvoice,
  issueInvoice,
  writeClinicRows,
} from '../../support/clinic-rows.ts';
import type { TestDatabase } from '../../support/database.ts';

const HASH = 'a'.repeat(64);

/** One row at least in every table that an attack aims at. */
export async function writeScene(database: TestDatabase): Promise<void> {
  const core = database.as('core_app');
  const owner = database.as('owner');
  const clinic = await writeClinicRows(core);
  await core`insert into appointment.staff_users (issuer, subject, full_name, role) values ('i', 's', 'M', 'MANAGER')`;
  await writeTreatment(core, await bookAppointment(core, clinic), clinic.patientId);
  await writeMoney(
    core,
    owner,
    await issueInvoice(core, clinic),
    await draftInvoice(core, clinic, { totalMinor: 200 }),
  );
  await core`insert into inventory.items (sku, name, unit_cost_minor, unit_cost_currency) values ('A', 'A', 99, 'SAR')`;
  await core`insert into inventory.stock_movements (item_key, quantity, reason, unit_cost_minor)
    select key, 10, 'OPENING', 99 from inventory.items`;
  await core`insert into inventory.visit_materials (visit_id, item_key, quantity) select 'vis_x', key, 1 from inventory.items`;
  await writeRegistry(database.as('bridgework_integration'), owner);
  await owner`select audit.append('user a', null, 'token.issue', 'token', 'tok_x', 'OK', null, 'req_x')`;
  await owner`select audit.append('user a', null, 'token.revoke', 'token', 'tok_x', 'OK', null, 'req_x')`;
  await owner`select audit.seal(1)`;
  await owner`insert into idempotency.requests (principal, idempotency_key, operation, fingerprint, outcome, request_id)
    values ('int_x', 'k', 'confirmPayment', ${HASH}, '{"secret": 1}', 'req_x')`;
}

async function writeTreatment(core: Sql, appointmentId: string, patientId: string): Promise<void> {
  await core`insert into appointment.visits (appointment_id, patient_id, provider_id)
    select id, patient_id, provider_id from appointment.appointments where id = ${appointmentId}`;
  await core`insert into appointment.visit_procedures (visit_key, code, name) select key, 'D1110', 'x' from appointment.visits`;
  await core`update appointment.visits set status = 'COMPLETED'`;
  await core`insert into appointment.imaging_references (patient_id, study_uid, series_uid, sop_instance_uid, modality,
      taken_at, uri, content_type, byte_size, sha256)
    values (${patientId}, '1', '2', '3', 'IO', now(), 'https://x/y', 'image/png', 1, ${HASH})`;
}

async function writeMoney(core: Sql, owner: Sql, invoiceId: string, planned: string): Promise<void> {
  await core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
    values (${invoiceId}, 'SAR', 10, 'CASH', '2026-01-05T09:00Z')`;
  await core`insert into billing.expenses (business_date, currency, amount_minor, category, description)
    values ('2026-01-05', 'SAR', 5, 'rent', 'x')`;
  await core`insert into billing.invoice_lines (invoice_key, position, description, amount_minor)
    select key, 1, 'x', 200 from billing.invoices where id = ${planned}`;
  await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
    select key, 1, '2020-01-01', 200 from billing.invoices where id = ${planned}`;
  await core`update billing.invoices set status = 'ISSUED' where id = ${planned}`;
  await core`select billing.mark_overdue_installments()`;
  await core`select billing.close_business_day('2026-01-05', 'user m')`;
  await core`select billing.lock_business_day('2026-01-06')`;
  await owner`select billing.record_export('DAILY_COLLECTED_REVENUE', '2026-01-05', '{}', '{"JSON": "e30="}', 'user m', null,
    'req_x')`;
  await owner`insert into billing.months (month) values ('2026-01-01')`;
  await owner`insert into billing.terminal_confirmations (integration_id, token_id, invoice_id, amount_minor, currency,
      terminal_id, terminal_txn_id, captured_at, fingerprint, status, reason)
    values ('int_x', 'tok_x', 'inv_x', 1, 'SAR', 'T', 'x', now(), ${HASH}, 'REJECTED', 'NOT_FOUND')`;
}

async function writeRegistry(registry: Sql, owner: Sql): Promise<void> {
  const key = await activeIntegration(registry, 'Partner', ['read:appointments', 'read:financials', 'webhook:receive']);
  await registry`insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment,
      scopes, created_by)
    values (${key}, 't', 'abcdefghij', ${HASH}, 'p1', 'sandbox', '{read:appointments}', 'user a')`;
  await registry`insert into integration.document_sets (integration_key, name, version, format, content_sha256,
      supergraph_sha256, registered_by) values (${key}, 'main', 1, 'apollo', ${HASH}, ${HASH}, 'user a')`;
  await registry`insert into integration.documents (document_set_key, integration_key, hash, name, operation_type, text)
    select key, ${key}, 'sha256:' || encode(sha256('query Q { me { id } }'), 'hex'), 'Q', 'query', 'query Q { me { id } }'
    from integration.document_sets`;
  await registry`insert into integration.webhook_endpoints (integration_key, name, url, created_by)
    values (${key}, 'e', 'https://x/y', 'user a')`;
  await registry`insert into integration.webhook_secrets (endpoint_key, sealed, key_id)
    select key, 'x', 'k1' from integration.webhook_endpoints`;
  await registry`insert into integration.webhook_subscriptions select key, 'appointment.created'
    from integration.webhook_endpoints`;
  await owner`insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq)
    select v.id, v.type, v.entity_id, e.key, 1 from outbox.events v, integration.webhook_endpoints e
    order by v.key limit 1`;
  await owner`insert into integration.delivery_attempts (delivery_key, endpoint_key, generation, number, lease_token,
      started_at, duration_ms, outcome)
    select key, endpoint_key, 1, 1, gen_random_uuid(), now(), 5, 'ok' from integration.deliveries`;
  await owner`select integration.raise_alert('endpoint.failing', 'endpoint', 'whe_x', 'four times')`;
  await owner`insert into integration.messages (channel, template, locale, entity, entity_id, patient_id, entity_version,
      status, status_reason, send_until)
    values ('SMS', 'reminder', 'ar', 'appointment', 'apt_x', 'pat_x', '1', 'SUPPRESSED', 'no-consent', now())`;
  await owner`insert into integration.redrives (status, finished_at, matched_count, last_key, requested_by)
    values ('DONE', now(), 0, 0, 'user m')`;
}

/** A digest of every row of every table of ours: any change of any of them changes it. */
export async function digestOfRows(owner: Sql): Promise<ReadonlyMap<string, string>> {
  const tables = await owner<{ name: string }[]>`select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('appointment', 'billing', 'inventory', 'integration', 'outbox', 'audit', 'idempotency')
    order by 1`;
  const union = tables
    .map(
      ({ name }) => `select '${name}' as name, coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as digest
      from ${name} t`,
    )
    .join(' union all ');
  const rows = (await owner.unsafe(union)) as unknown as readonly { name: string; digest: string }[];
  return new Map(rows.map(({ name, digest }) => [name, digest]));
}
