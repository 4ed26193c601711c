-- The three functions through which external writes reach the clinic's own tables. A clinic with tables of its own puts
-- functions with the same names, arguments and results in their place: docs/connecting-your-core.md is their contract.
set local role bridgework_owner;

-- Racing reports of one capture queue here until the transaction ends, and not on the unique index, where they would fail.
create function billing.lock_terminal_transaction(integration_id text, terminal_id text, terminal_txn_id text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended(
    jsonb_build_array('payment.confirm', integration_id, terminal_id, terminal_txn_id)::text, 0))
$$;

-- Books a card capture on an invoice. result: RECORDED; ALREADY_RECORDED (the terminal's transaction is a payment by now:
-- that one is answered); else nothing is written, and result is NOT_FOUND, INVOICE_NOT_PAYABLE, INVOICE_ALREADY_PAID,
-- CURRENCY_MISMATCH or AMOUNT_EXCEEDS_BALANCE. balance_minor: what is owed afterwards.
-- Raises 22023 for what no terminal can mean (nothing named, no positive amount), BW004 for a capture in the future.
create function billing.record_terminal_payment(
  invoice_id text, amount_minor bigint, currency text, captured_at timestamptz,
  integration_id text, terminal_id text, terminal_txn_id text,
  card_scheme text, card_last4 text, approval_code text,
  out result text, out payment_id text, out business_date date, out late_posted boolean, out balance_minor bigint
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  invoice billing.invoices;
begin
  if num_nulls(record_terminal_payment.invoice_id, record_terminal_payment.currency, record_terminal_payment.captured_at,
      record_terminal_payment.integration_id, record_terminal_payment.terminal_id,
      record_terminal_payment.terminal_txn_id) > 0 or coalesce(record_terminal_payment.amount_minor, 0) < 1 then
    raise exception 'a terminal names itself, its transaction, an invoice and a positive amount' using errcode = '22023';
  end if;
  perform billing.lock_terminal_transaction(record_terminal_payment.integration_id, record_terminal_payment.terminal_id,
    record_terminal_payment.terminal_txn_id);
  select * into invoice from billing.invoices as owed where owed.id = record_terminal_payment.invoice_id for update;
  balance_minor := invoice.total_minor - invoice.paid_minor;
  select known.id, known.business_date, known.late_posted into payment_id, business_date, late_posted
    from billing.payments as known
    where known.integration_id = record_terminal_payment.integration_id
      and known.terminal_id = record_terminal_payment.terminal_id
      and known.terminal_txn_id = record_terminal_payment.terminal_txn_id;
  result := case
    when payment_id is not null then 'ALREADY_RECORDED'
    when invoice.id is null then 'NOT_FOUND'
    when invoice.status in ('DRAFT', 'VOID') then 'INVOICE_NOT_PAYABLE'
    when invoice.status = 'PAID' then 'INVOICE_ALREADY_PAID'
    when invoice.currency <> record_terminal_payment.currency then 'CURRENCY_MISMATCH'
    when record_terminal_payment.amount_minor > balance_minor then 'AMOUNT_EXCEEDS_BALANCE'
    else 'RECORDED' end;
  if result <> 'RECORDED' then
    return;
  end if;
  insert into billing.payments as paid (invoice_id, currency, amount_minor, method, captured_at, integration_id,
      terminal_id, terminal_txn_id, card_scheme, card_last4, approval_code)
    values (record_terminal_payment.invoice_id, record_terminal_payment.currency, record_terminal_payment.amount_minor,
      'CARD', record_terminal_payment.captured_at, record_terminal_payment.integration_id,
      record_terminal_payment.terminal_id, record_terminal_payment.terminal_txn_id, record_terminal_payment.card_scheme,
      record_terminal_payment.card_last4, record_terminal_payment.approval_code)
    returning paid.id, paid.business_date, paid.late_posted into payment_id, business_date, late_posted;
  balance_minor := balance_minor - record_terminal_payment.amount_minor;
end
$$;

-- Books appointments that a partner imports into free slots of the future: all of them or none.
-- rows: 1 to 500 objects {external_id, patient_id, provider_id, chair_id?, starts_at, ends_at}; without a chair the first
-- that is free. result: IMPORTED (a row that is known with the same content is counted as unchanged) or REJECTED, then
-- errors is [{pointer, code}]: patient-not-found, provider-not-found, chair-not-found, not-in-future, invalid-times,
-- clinic-authoritative (the external id is known with other content), slot-conflict.
-- Raises 22023 without rows or integration, or when import_id is no running import of that integration.
create function appointment.record_import(
  import_id text, integration_id text, rows jsonb,
  out result text, out imported_count integer, out unchanged_count integer, out errors jsonb
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  running_key bigint;
  wanted record;
  fault text;
begin
  if integration_id is null or jsonb_typeof(rows) is distinct from 'array'
    or jsonb_array_length(rows) not between 1 and 500 then
    raise exception 'an import names its integration and 1 to 500 rows' using errcode = '22023';
  end if;
  if import_id is not null then
    select running.key into running_key from appointment.imports as running where running.id = record_import.import_id
      and running.integration_id = record_import.integration_id and running.status = 'RUNNING';
    if running_key is null then
      raise exception 'there is no such import under way' using errcode = '22023';
    end if;
  end if;
  -- One import at a time: two that want the same slots in another order would deadlock.
  perform pg_advisory_xact_lock(hashtextextended('appointment.import', 0));
  errors := '[]';
  imported_count := 0;
  unchanged_count := 0;
  begin
    for wanted in
      select entry.position - 1 as position, asked.*
      from jsonb_array_elements(rows) with ordinality as entry (content, position),
        jsonb_to_record(entry.content) as asked (external_id text, patient_id text, provider_id text, chair_id text,
          starts_at timestamptz, ends_at timestamptz)
      order by asked.starts_at, entry.position
    loop
      fault := appointment.import_one(running_key, integration_id, wanted.external_id, wanted.patient_id,
        wanted.provider_id, wanted.chair_id, wanted.starts_at, wanted.ends_at);
      if fault is null then
        imported_count := imported_count + 1;
      elsif fault = 'unchanged' then
        unchanged_count := unchanged_count + 1;
      else
        errors := errors || jsonb_build_array(jsonb_build_object('pointer', '/rows/' || wanted.position, 'code', fault));
      end if;
    end loop;
    if errors <> '[]' then
      raise exception 'all or nothing' using errcode = 'BW008';
    end if;
    result := 'IMPORTED';
  exception when sqlstate 'BW008' then
    result := 'REJECTED';
    imported_count := 0;
    unchanged_count := 0;
  end;
end
$$;

-- One row of an import: null when it was booked, else why not. For appointment.record_import alone.
create function appointment.import_one(
  running_key bigint, integration_id text, external_id text, patient_id text, provider_id text, chair_id text,
  starts_at timestamptz, ends_at timestamptz
) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  known appointment.appointments;
  seat text;
begin
  if num_nulls(import_one.external_id, import_one.starts_at, import_one.ends_at) > 0 then
    raise exception 'a row names its external id and its times' using errcode = '22023';
  end if;
  select * into known from appointment.appointments as booked
    where booked.imported_by_integration_id = import_one.integration_id
      and booked.external_id = import_one.external_id;
  if known.key is not null then
    return case when (known.patient_id, known.provider_id, known.starts_at, known.ends_at)
        is not distinct from (import_one.patient_id, import_one.provider_id, import_one.starts_at::timestamptz(3),
          import_one.ends_at::timestamptz(3))
      and known.chair_id = coalesce(import_one.chair_id, known.chair_id) then 'unchanged' else 'clinic-authoritative' end;
  end if;
  if import_one.starts_at <= now() then
    return 'not-in-future';
  elsif import_one.ends_at <= import_one.starts_at or import_one.ends_at > import_one.starts_at + interval '12 hours' then
    return 'invalid-times';
  elsif not exists (select 1 from appointment.patients as one where one.id = import_one.patient_id) then
    return 'patient-not-found';
  elsif not exists (select 1 from appointment.providers as one where one.id = import_one.provider_id and one.active) then
    return 'provider-not-found';
  elsif import_one.chair_id is not null
    and not exists (select 1 from appointment.chairs as one where one.id = import_one.chair_id and one.active) then
    return 'chair-not-found';
  end if;
  for seat in
    select one.id from appointment.chairs as one
      where one.active and one.id = coalesce(import_one.chair_id, one.id) order by one.key
  loop
    insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at, source,
        imported_by_integration_id, external_id, import_key)
      values (import_one.patient_id, import_one.provider_id, seat, import_one.starts_at, import_one.ends_at, 'IMPORT',
        import_one.integration_id, import_one.external_id, import_one.running_key)
      on conflict do nothing;
    if found then
      return null;
    end if;
  end loop;
  return 'slot-conflict';
end
$$;

-- Adds the reference to an image that lies elsewhere. result: RECORDED; UNCHANGED (the same reference is known: that one
-- is answered); else nothing is written, and result is CONFLICT (the instance is known with other content),
-- PATIENT_NOT_FOUND or VISIT_NOT_FOUND (there is no such visit of this patient).
-- Raises 22023 when no integration is named, 23502 or 23514 when the reference itself is not one.
create function appointment.record_imaging(
  integration_id text, patient_id text, visit_id text, study_uid text, series_uid text, sop_instance_uid text,
  modality text, taken_at timestamptz, uri text, content_type text, byte_size bigint, sha256 text, device text,
  out result text, out imaging_id text
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  known appointment.imaging_references;
begin
  if num_nulls(record_imaging.integration_id, record_imaging.patient_id, record_imaging.sop_instance_uid) > 0 then
    raise exception 'a reference names its integration, its patient and its instance' using errcode = '22023';
  end if;
  perform pg_advisory_xact_lock(hashtextextended(
    jsonb_build_array('imaging.add', record_imaging.integration_id, record_imaging.sop_instance_uid)::text, 0));
  select * into known from appointment.imaging_references as one
    where one.submitted_by_integration_id = record_imaging.integration_id
      and one.sop_instance_uid = record_imaging.sop_instance_uid;
  if known.key is not null then
    if (known.patient_id, known.visit_id, known.study_uid, known.series_uid, known.modality, known.taken_at, known.uri,
        known.content_type, known.byte_size, known.sha256, known.device)
      is distinct from (record_imaging.patient_id, record_imaging.visit_id, record_imaging.study_uid,
        record_imaging.series_uid, record_imaging.modality, record_imaging.taken_at::timestamptz(3), record_imaging.uri,
        record_imaging.content_type, record_imaging.byte_size, record_imaging.sha256, record_imaging.device) then
      result := 'CONFLICT';
    else
      result := 'UNCHANGED';
      imaging_id := known.id;
    end if;
    return;
  end if;
  if not exists (select 1 from appointment.patients as one where one.id = record_imaging.patient_id) then
    result := 'PATIENT_NOT_FOUND';
    return;
  elsif record_imaging.visit_id is not null and not exists (select 1 from appointment.visits as one
      where one.id = record_imaging.visit_id and one.patient_id = record_imaging.patient_id) then
    result := 'VISIT_NOT_FOUND';
    return;
  end if;
  insert into appointment.imaging_references as added (patient_id, visit_id, submitted_by_integration_id, study_uid,
      series_uid, sop_instance_uid, modality, taken_at, uri, content_type, byte_size, sha256, device)
    values (record_imaging.patient_id, record_imaging.visit_id, record_imaging.integration_id, record_imaging.study_uid,
      record_imaging.series_uid, record_imaging.sop_instance_uid, record_imaging.modality, record_imaging.taken_at,
      record_imaging.uri, record_imaging.content_type, record_imaging.byte_size, record_imaging.sha256,
      record_imaging.device)
    returning added.id into imaging_id;
  result := 'RECORDED';
end
$$;

-- From here on these functions are the only way: the roles of the subgraphs insert nothing into the clinic's own tables.
revoke insert on billing.payments from bridgework_billing;
revoke insert on appointment.appointments, appointment.imaging_references from bridgework_appointment;
drop policy terminal on billing.payments;
drop policy partner_import on appointment.appointments;
drop policy partner_reference on appointment.imaging_references;

grant execute on function billing.lock_terminal_transaction(text, text, text),
  billing.record_terminal_payment(text, bigint, text, timestamptz, text, text, text, text, text, text)
  to bridgework_billing;
grant execute on function appointment.record_import(text, text, jsonb),
  appointment.record_imaging(text, text, text, text, text, text, text, timestamptz, text, text, bigint, text, text)
  to bridgework_appointment;

reset role;
