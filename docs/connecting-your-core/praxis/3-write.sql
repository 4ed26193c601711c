-- The external writes, over the clinic's tables: the same names, arguments and results as docs/connecting-your-core.md says.
-- Each belongs to the clinic's owner, for it writes there, and pins its search_path.

-- First the lock, then, in a statement of its own, the reading: one statement that waits would show what was paid before.
create function billing.lock_invoice(invoice_id text) returns setof billing.invoices
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1 from praxis.rechnung where kennung = invoice_id for update;
  return query select * from billing.invoices where id = invoice_id;
end
$$;

create or replace function billing.record_terminal_payment(
  invoice_id text, amount_minor bigint, currency text, captured_at timestamptz,
  integration_id text, terminal_id text, terminal_txn_id text,
  card_scheme text, card_last4 text, approval_code text,
  out result text, out payment_id text, out business_date date, out late_posted boolean, out balance_minor bigint
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  bill praxis.rechnung;
begin
  if num_nulls(invoice_id, currency, captured_at, integration_id, terminal_id, terminal_txn_id) > 0
    or coalesce(amount_minor, 0) < 1 then
    raise exception 'a terminal names itself, its transaction, an invoice and a positive amount' using errcode = '22023';
  end if;
  perform billing.lock_terminal_transaction(integration_id, terminal_id, terminal_txn_id);
  select * into bill from praxis.rechnung where kennung = invoice_id for update;
  balance_minor := bill.betrag_cent - bill.gezahlt_cent;
  select z.kennung, z.kassentag, z.nachgebucht into payment_id, business_date, late_posted from praxis.zahlung z
    where z.partner = integration_id and z.terminal = terminal_id and z.vorgang = terminal_txn_id;
  result := case
    when payment_id is not null then 'ALREADY_RECORDED'
    when bill.nr is null then 'NOT_FOUND'
    when bill.zustand <> 'offen' then 'INVOICE_NOT_PAYABLE'
    when balance_minor = 0 then 'INVOICE_ALREADY_PAID'
    when currency <> 'SAR' then 'CURRENCY_MISMATCH'
    when amount_minor > balance_minor then 'AMOUNT_EXCEEDS_BALANCE'
    else 'RECORDED' end;
  if result <> 'RECORDED' then
    return;
  end if;
  insert into praxis.zahlung as z (rechnung_nr, cent, art, erfasst, partner, terminal, vorgang, karte, karte_ende, freigabe)
    values (bill.nr, amount_minor, 'karte', captured_at, integration_id, terminal_id, terminal_txn_id, card_scheme,
      card_last4, approval_code)
    returning z.kennung, z.kassentag, z.nachgebucht into payment_id, business_date, late_posted;
  balance_minor := balance_minor - amount_minor;
end
$$;

-- appointment.record_import stays as it is, for all that it touches is ours; only the booking of one row is the clinic's.
create or replace function appointment.import_one(
  running_key bigint, integration_id text, external_id text, patient_id text, provider_id text, chair_id text,
  starts_at timestamptz, ends_at timestamptz
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  known record;
  person integer;
  who integer;
  seat integer;
  begins constant timestamp := import_one.starts_at at time zone base.clinic_time_zone();
  minutes constant integer := extract(epoch from import_one.ends_at - import_one.starts_at) / 60;
begin
  if num_nulls(import_one.external_id, import_one.starts_at, import_one.ends_at) > 0 then
    raise exception 'a row names its external id and its times' using errcode = '22023';
  end if;
  select t.tag + t.beginn as begins, t.dauer_minuten as minutes, p.kennung as patient, b.kennung as provider, s.kennung as chair
    into known from praxis.termin t join praxis.patient p on p.nr = t.patient_nr join praxis.behandler b on b.nr = t.behandler_nr
    join praxis.stuhl s on s.nr = t.stuhl_nr
    where t.partner = import_one.integration_id and t.fremd_nr = import_one.external_id;
  if found then
    return case when (known.begins, known.minutes, known.patient, known.provider)
        is not distinct from (begins, minutes, import_one.patient_id, import_one.provider_id)
      and known.chair = coalesce(import_one.chair_id, known.chair) then 'unchanged' else 'clinic-authoritative' end;
  end if;
  if import_one.starts_at <= now() then
    return 'not-in-future';
  elsif minutes not between 5 and 720 or date_trunc('minute', begins) <> begins then
    return 'invalid-times';
  end if;
  select nr into person from praxis.patient where kennung = import_one.patient_id;
  select nr into who from praxis.behandler where kennung = import_one.provider_id and aktiv;
  if person is null then
    return 'patient-not-found';
  elsif who is null then
    return 'provider-not-found';
  elsif import_one.chair_id is not null and not exists (select 1 from praxis.stuhl where kennung = import_one.chair_id and aktiv) then
    return 'chair-not-found';
  end if;
  for seat in select nr from praxis.stuhl where aktiv and kennung = coalesce(import_one.chair_id, kennung) order by nr loop
    insert into praxis.termin (patient_nr, behandler_nr, stuhl_nr, tag, beginn, dauer_minuten, partner, fremd_nr, import_key)
      values (person, who, seat, begins::date, begins::time, minutes, import_one.integration_id, import_one.external_id, running_key)
      on conflict do nothing;
    if found then
      return null;
    end if;
  end loop;
  return 'slot-conflict';
end
$$;

create or replace function appointment.record_imaging(
  integration_id text, patient_id text, visit_id text, study_uid text, series_uid text, sop_instance_uid text,
  modality text, taken_at timestamptz, uri text, content_type text, byte_size bigint, sha256 text, device text,
  out result text, out imaging_id text
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  known praxis.bild;
  person integer;
  sitting integer;
begin
  if num_nulls(integration_id, patient_id, sop_instance_uid) > 0 then
    raise exception 'a reference names its integration, its patient and its instance' using errcode = '22023';
  end if;
  perform pg_advisory_xact_lock(hashtextextended(jsonb_build_array('imaging.add', integration_id, sop_instance_uid)::text, 0));
  select nr into person from praxis.patient where kennung = patient_id;
  select v.nr into sitting from praxis.sitzung v join praxis.termin t on t.nr = v.termin_nr
    where v.kennung = visit_id and t.patient_nr = person;
  select * into known from praxis.bild b where b.partner = integration_id and b.instanz = sop_instance_uid;
  if found then
    result := case when (known.patient_nr, known.sitzung_nr, known.studie, known.serie, known.art, known.aufgenommen,
        known.ort, known.typ, known.groesse, known.pruefsumme, known.geraet)
      is not distinct from (person, sitting, study_uid, series_uid, modality, taken_at::timestamptz(3), uri, content_type,
        byte_size, sha256, device) then 'UNCHANGED' else 'CONFLICT' end;
    imaging_id := case result when 'UNCHANGED' then known.kennung end;
  elsif person is null then
    result := 'PATIENT_NOT_FOUND';
  elsif visit_id is not null and sitting is null then
    result := 'VISIT_NOT_FOUND';
  else
    insert into praxis.bild as b (patient_nr, sitzung_nr, partner, studie, serie, instanz, art, aufgenommen, ort, typ, groesse,
        pruefsumme, geraet)
      values (person, sitting, integration_id, study_uid, series_uid, sop_instance_uid, modality, taken_at, uri, content_type,
        byte_size, sha256, device)
      returning b.kennung into imaging_id;
    result := 'RECORDED';
  end if;
end
$$;

grant select on billing.invoices to praxis_owner;
alter function billing.lock_invoice(text) owner to praxis_owner;
alter function billing.record_terminal_payment(text, bigint, text, timestamptz, text, text, text, text, text, text) owner to praxis_owner;
alter function appointment.import_one(bigint, text, text, text, text, text, timestamptz, timestamptz) owner to praxis_owner;
alter function appointment.record_imaging(text, text, text, text, text, text, text, timestamptz, text, text, bigint, text, text) owner to praxis_owner;
revoke execute on function billing.lock_invoice(text) from public;
grant execute on function billing.lock_invoice(text) to bridgework_billing;
grant execute on function appointment.import_one(bigint, text, text, text, text, text, timestamptz, timestamptz) to bridgework_owner;
