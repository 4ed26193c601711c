-- Who may do what; docs/operator-guide.md shows the same as a table. Nobody may do anything that is not named here. What
-- a role may insert is narrowed by row policies, what it may read by columns. Time-outs and connection limits stand on
-- the roles (kernel/src/migrate.ts), for roles belong to the cluster.
set local role bridgework_owner;

revoke all on all tables in schema base, appointment, billing, inventory, integration, outbox, audit, idempotency from public;
revoke all on schema base, appointment, billing, inventory, integration, outbox, audit, idempotency from public;

grant execute on function base.clinic_time_zone(), base.local_date(timestamptz) to core_app, bridgework_appointment,
  bridgework_billing, bridgework_inventory, bridgework_integration, bridgework_workers;

-- The clinic's own application -----------------------------------------------------------------------------------------
grant usage on schema appointment, billing, inventory, integration, outbox to core_app;
grant select on all tables in schema appointment, billing, inventory to core_app;
grant insert, update on appointment.clinic_settings, appointment.staff_users, appointment.patients, appointment.providers,
  appointment.chairs to core_app;
grant insert on appointment.appointments, appointment.visits, appointment.visit_procedures,
  appointment.imaging_references to core_app;
grant update (starts_at, ends_at, provider_id, chair_id, status, completed_at) on appointment.appointments to core_app;
grant update (status, started_at, completed_at, provider_id) on appointment.visits to core_app;
grant insert on billing.invoices, billing.invoice_lines, billing.installments, billing.payments, billing.expenses to core_app;
grant update (patient_id, visit_id, currency, total_minor, status, issued_on, due_on, voided_on) on billing.invoices
  to core_app;
grant update, delete on billing.invoice_lines, billing.installments to core_app;
grant usage on sequence billing.invoice_number to core_app;
grant execute on function billing.lock_invoice(text), billing.lock_business_day(date),
  billing.open_business_day(timestamptz), billing.close_business_day(date, text), billing.close_month(date, text),
  billing.split_amount(bigint, integer), billing.mark_overdue_installments(integer) to core_app;
grant insert on inventory.items, inventory.stock_movements, inventory.visit_materials to core_app;
grant update (sku, name, unit, reorder_point, unit_cost_minor, unit_cost_currency, active) on inventory.items to core_app;
grant select on integration.core_event_requests to core_app;
grant execute on function integration.claim_core_event_request(),
  integration.finish_core_event_request(text, text, text) to core_app;
grant execute on function outbox.emit(text, text, text, jsonb, timestamptz) to core_app;

-- Subgraphs ----------------------------------------------------------------------------------------------------------
grant usage on schema audit, idempotency to bridgework_appointment, bridgework_billing, bridgework_inventory,
  bridgework_integration;
grant execute on function audit.append(text, text, text, text, text, text, text, text, integer)
  to bridgework_appointment, bridgework_billing, bridgework_inventory, bridgework_integration, bridgework_workers;
grant execute on function idempotency.begin(text, text, text, text, text), idempotency.finish(text, text, jsonb)
  to bridgework_appointment, bridgework_billing, bridgework_inventory, bridgework_integration;

grant usage on schema appointment to bridgework_appointment;
grant select on appointment.clinic_settings, appointment.patients, appointment.providers, appointment.chairs,
  appointment.appointments, appointment.visits, appointment.visit_procedures, appointment.imaging_references,
  appointment.imports to bridgework_appointment;
grant insert on appointment.appointments, appointment.imports, appointment.imaging_references to bridgework_appointment;
grant update (status, imported_count, unchanged_count, errors, finished_at) on appointment.imports to bridgework_appointment;

alter table appointment.appointments enable row level security;
create policy read on appointment.appointments for select to core_app, bridgework_appointment using (true);
create policy core on appointment.appointments for insert to core_app with check (true);
create policy core_change on appointment.appointments for update to core_app using (true);
create policy partner_import on appointment.appointments for insert to bridgework_appointment
  with check (source = 'IMPORT' and status = 'SCHEDULED' and starts_at > now());
alter table appointment.imaging_references enable row level security;
create policy read on appointment.imaging_references for select to core_app, bridgework_appointment using (true);
create policy core on appointment.imaging_references for insert to core_app with check (true);
create policy partner_reference on appointment.imaging_references for insert to bridgework_appointment
  with check (submitted_by_integration_id is not null);

grant usage on schema billing to bridgework_billing;
grant select on all tables in schema billing to bridgework_billing;
grant insert on billing.payments, billing.terminal_confirmations to bridgework_billing;
grant execute on function billing.lock_invoice(text), billing.lock_business_day(date),
  billing.open_business_day(timestamptz), billing.close_business_day(date, text), billing.close_month(date, text),
  billing.split_amount(bigint, integer), billing.resolve_confirmation(text, text, text, text, text) to bridgework_billing;

alter table billing.payments enable row level security;
create policy read on billing.payments for select to core_app, bridgework_billing using (true);
create policy core on billing.payments for insert to core_app with check (true);
-- A terminal confirms cards and nothing else, under its own name.
create policy terminal on billing.payments for insert to bridgework_billing
  with check (integration_id is not null and method = 'CARD');

grant usage on schema inventory to bridgework_inventory;
grant select (key, id, sku, name, unit, on_hand, reorder_point, active, created_at, updated_at) on inventory.items
  to bridgework_inventory;
grant select (key, item_key, quantity, reason, visit_id, moved_at) on inventory.stock_movements to bridgework_inventory;
grant select on inventory.visit_materials to bridgework_inventory;

grant usage on schema integration, outbox to bridgework_integration;
grant select on all tables in schema integration to bridgework_integration;
grant insert on integration.integrations, integration.approvals, integration.tokens, integration.token_uses,
  integration.document_sets, integration.documents, integration.document_uses, integration.control_reports,
  integration.webhook_endpoints, integration.webhook_secrets, integration.webhook_subscriptions,
  integration.core_event_requests to bridgework_integration;
grant update on integration.integrations, integration.approvals, integration.tokens, integration.token_uses,
  integration.document_sets, integration.documents, integration.document_uses, integration.webhook_endpoints
  to bridgework_integration;
grant update (all_paused_at, all_paused_reason) on integration.control_state to bridgework_integration;
grant update (expires_at) on integration.webhook_secrets to bridgework_integration;
grant delete on integration.webhook_subscriptions to bridgework_integration;
grant update (state, next_at, attempts, generation, crashes, dead_reason, updated_at) on integration.deliveries
  to bridgework_integration;
grant execute on function integration.sensitive_scopes() to bridgework_integration;
-- The registry shows managers the audit, and partners their own events.
grant select on audit.entries, audit.seals, audit.unsealed to bridgework_integration;
grant execute on function audit.verify(bigint, bytea), audit.head() to bridgework_integration;
grant select on outbox.events to bridgework_integration;

-- Workers ------------------------------------------------------------------------------------------------------------
grant usage on schema integration, outbox, audit, idempotency, billing to bridgework_workers;
grant select on outbox.events to bridgework_workers;
grant update (fanned_out_at) on outbox.events to bridgework_workers;
grant select on integration.environment, integration.control_state, integration.integrations, integration.approvals,
  integration.webhook_endpoints, integration.webhook_secrets, integration.webhook_subscriptions, integration.deliveries,
  integration.delivery_attempts to bridgework_workers;
grant insert on integration.deliveries, integration.delivery_attempts to bridgework_workers;
grant update (state, next_at, attempts, generation, lease_token, lease_expires_at, crashes, dead_reason, delivered_at,
  updated_at) on integration.deliveries to bridgework_workers;
grant update (status, status_reason, last_seq, first_active_at, verified_at, breaker_state, breaker_opened_at,
  breaker_retry_at, breaker_openings, breaker_probe_successes, consecutive_failures, updated_at)
  on integration.webhook_endpoints to bridgework_workers;
grant execute on function audit.seal(integer), audit.head(), audit.verify(bigint, bytea), idempotency.forget_old(integer),
  billing.mark_overdue_installments(integer) to bridgework_workers;

reset role;
