-- Reminders to patients: what is planned, what may be sent now, what providers call back, and who wants none. The instants
-- that decide are those of whoever asks (`p_now`); leases alone go by the database's clock.
set local role bridgework_owner;

alter table integration.messages
  -- Attempts of which nobody knows whether the provider took them: a patient gets no third copy.
  add column unclear_attempts smallint not null default 0,
  add column sent_at timestamptz(3);
grant update (unclear_attempts, sent_at) on integration.messages to bridgework_workers;
create index sent_messages on integration.messages (sent_at) where (status = 'SENT');
create index messages_by_age on integration.messages (created_at, id);

-- How each message ended is audited once, in the transaction in which it ends, whoever ends it.
create function integration.audit_message_end() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform audit.append('system message.send', null, 'message.finish', 'message', new.id,
    case new.status when 'DELIVERED' then 'OK' when 'FAILED' then 'FAILED' else 'REJECTED' end, new.status_reason,
    base.new_id('req'));
  return null;
end
$$;
create trigger z_audit_end_at_once after insert on integration.messages
  for each row when (new.status in ('DELIVERED', 'FAILED', 'SUPPRESSED'))
  execute function integration.audit_message_end();
create trigger z_audit_end after update of status on integration.messages
  for each row when (new.status in ('DELIVERED', 'FAILED', 'SUPPRESSED') and old.status <> new.status)
  execute function integration.audit_message_end();

-- Who wants none ---------------------------------------------------------------------------------------------------------
-- By number, not by patient: whoever answers STOP is whoever holds the phone. The clinic alone takes a row away.
create table appointment.messaging_opt_outs (
  phone_e164 text primary key check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
  channel text not null check (channel in ('SMS', 'WHATSAPP')),
  opted_out_at timestamptz(3) not null default now()
);
create trigger refuse_update before update on appointment.messaging_opt_outs
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on appointment.messaging_opt_outs
  for each statement execute function base.refuse_change();
grant select, insert, delete on appointment.messaging_opt_outs to core_app;

-- False when the number had opted out before. Audited once, by the patients who have that number.
create function integration.record_opt_out(p_phone text, p_channel text, p_now timestamptz) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into appointment.messaging_opt_outs (phone_e164, channel, opted_out_at) values (p_phone, p_channel, p_now)
    on conflict do nothing;
  if not found then
    return false;
  end if;
  perform audit.append('system message.callback', null, 'message.opt_out', 'patient', holder.id, 'OK', null,
      base.new_id('req'))
    from appointment.patients as holder where holder.phone_e164 = p_phone;
  return true;
end
$$;

-- The channel by which a patient may be written to now, of those given, in that order; or why by none.
create function integration.message_recipient(
  p_patient_id text, p_channels text[], out channel text, out reason text, out locale text, out phone text
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  holder appointment.patients;
begin
  select * into holder from appointment.patients as known where known.id = p_patient_id;
  locale := case when holder.locale like 'en%' then 'en' else 'ar' end;
  phone := holder.phone_e164;
  select wanted.channel into channel from unnest(p_channels) with ordinality as wanted(channel, place)
    where holder.consents @> jsonb_build_object(lower(wanted.channel), true)
    order by wanted.place limit 1;
  reason := case
    when phone is null then 'no-phone'
    when channel is null then 'no-consent'
    when exists (select from appointment.messaging_opt_outs as gone where gone.phone_e164 = phone) then 'opted-out'
  end;
end
$$;

-- Quiet hours ------------------------------------------------------------------------------------------------------------
-- The same instant, or 09:00 where the clinic is when it lies between 21:00 and 09:00 there.
create function integration.after_quiet_hours(p_at timestamptz) returns timestamptz
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  zone constant text := base.clinic_time_zone();
  there constant timestamp := p_at at time zone zone;
begin
  return case
    when there::time >= time '21:00' then (there::date + 1 + time '09:00') at time zone zone
    when there::time < time '09:00' then (there::date + time '09:00') at time zone zone
    else p_at
  end;
end
$$;

-- What messages speak of -------------------------------------------------------------------------------------------------
-- As it is now; no row when there is nothing to remind of any more. `version` is what a reminder is one of.
create function integration.message_subject(
  p_entity text, p_entity_id text, out patient_id text, out version text, out starts_at timestamptz, out due_on date,
  out owed_minor bigint, out currency text
) returns setof record
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select booked.patient_id, to_char(booked.starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      booked.starts_at, null::date, null::bigint, null
    from appointment.appointments as booked
    where p_entity = 'appointment' and booked.id = p_entity_id and booked.status in ('SCHEDULED', 'CONFIRMED')
  union all
  -- What is paid covers the installments in the order in which they fall due.
  select invoice.patient_id, part.due_on::text, null, part.due_on, least(part.amount_minor, part.due_so_far - invoice.paid_minor),
      invoice.currency
    from (
      select asked.invoice_key, asked.due_on, asked.amount_minor, (
        select sum(plan.amount_minor)::bigint from billing.installments as plan
        where plan.invoice_key = asked.invoice_key and (plan.due_on, plan.number) <= (asked.due_on, asked.number)
      ) as due_so_far
      from billing.installments as asked where p_entity = 'installment' and asked.id = p_entity_id
    ) as part join billing.invoices as invoice on invoice.key = part.invoice_key
    where invoice.status in ('ISSUED', 'PARTIALLY_PAID') and part.due_so_far > invoice.paid_minor
  union all
  select invoice.patient_id, invoice.due_on::text, null, invoice.due_on, invoice.total_minor - invoice.paid_minor,
      invoice.currency
    from billing.invoices as invoice
    where p_entity = 'invoice' and invoice.id = p_entity_id and invoice.status in ('ISSUED', 'PARTIALLY_PAID')
      and not exists (select from billing.installments as part where part.invoice_key = invoice.key)
$$;

-- Planning ---------------------------------------------------------------------------------------------------------------
-- What begins within a day or falls due within two, and was not reminded of in that version. One planner at a time.
create function integration.plan_messages(p_now timestamptz, p_channels text[], p_at_most integer) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  zone constant text := base.clinic_time_zone();
  today date;
  subject record;
  recipient record;
  first_at timestamptz;
  last_at timestamptz;
  planned integer := 0;
begin
  if zone is null or not pg_try_advisory_xact_lock(hashtextextended('integration.plan_messages', 0)) then
    return 0;
  end if;
  today := (p_now at time zone zone)::date;
  for subject in
    with near as (
      select 'appointment' as entity, booked.id, 'appointment_reminder' as template from appointment.appointments as booked
        where booked.starts_at > p_now and booked.starts_at <= p_now + interval '24 hours'
      union all
      select 'installment', part.id, 'payment_due' from billing.installments as part
        where part.due_on between today and today + 2
      union all
      select 'invoice', invoice.id, 'payment_due' from billing.invoices as invoice
        where invoice.due_on between today and today + 2 and invoice.status in ('ISSUED', 'PARTIALLY_PAID')
    )
    select near.entity, near.id, near.template, facts.*
      from near, lateral integration.message_subject(near.entity, near.id) as facts
      where not exists (select from integration.messages as known where known.entity_id = near.id
        and known.template = near.template and known.entity_version = facts.version)
      order by coalesce(facts.starts_at, facts.due_on::timestamp at time zone zone), near.id
      limit p_at_most
  loop
    select * into recipient from integration.message_recipient(subject.patient_id, p_channels);
    first_at := integration.after_quiet_hours(p_now);
    last_at := coalesce(subject.starts_at, (subject.due_on + 1)::timestamp at time zone zone);
    if recipient.reason is null and first_at >= last_at then
      recipient.reason := 'too-late';
    end if;
    insert into integration.messages (channel, template, locale, entity, entity_id, patient_id, entity_version,
        recipient_masked, status, status_reason, send_at, send_until)
      values (coalesce(recipient.channel, p_channels[1]), subject.template, recipient.locale, subject.entity, subject.id,
        subject.patient_id, subject.version, '••••••' || right(recipient.phone, 2),
        case when recipient.reason is null then 'QUEUED' else 'SUPPRESSED' end, recipient.reason, first_at, last_at)
      on conflict do nothing;
    planned := planned + 1;
  end loop;
  return planned;
end
$$;

-- Sending ----------------------------------------------------------------------------------------------------------------
-- Ends a message that was not sent: one that a provider had been asked to send failed, another one was never begun.
create function integration.end_unsent(p_message integration.messages, p_reason text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update integration.messages set lease_token = null, lease_expires_at = null,
      status = case when p_message.attempts > 0 and p_reason in ('too-late', 'no-answer') then 'FAILED' else 'SUPPRESSED' end,
      status_reason = case when p_message.attempts > 0 and p_reason = 'too-late' then 'exhausted' else p_reason end
    where key = p_message.key and status = 'QUEUED'
$$;

-- What may be sent now, each leased to whoever asks. Everything that decides is read again: the appointment may have moved,
-- the installment may be paid, the patient may have said STOP, the night may have come.
create function integration.claim_messages(
  p_now timestamptz, p_channels text[], p_at_most integer, p_lease_seconds integer
) returns table (
  id text, channel text, template text, locale text, lease_token uuid, attempts smallint, unclear_attempts smallint,
  phone text, clinic_name text, time_zone text, starts_at timestamptz, due_on date, owed_minor bigint, currency text,
  exponent smallint
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  due integration.messages;
  subject record;
  recipient record;
  allowed_at timestamptz;
  unclear smallint;
  token uuid;
begin
  for due in
    select * from integration.messages as waiting
      where waiting.status = 'QUEUED' and waiting.send_at <= p_now and waiting.channel = any (p_channels)
        and (waiting.lease_expires_at is null or waiting.lease_expires_at < clock_timestamp())
      order by waiting.send_at, waiting.key limit p_at_most for update skip locked
  loop
    -- Whoever held it died over it, perhaps after the provider had taken it.
    unclear := due.unclear_attempts + case when due.lease_token is null then 0 else 1 end;
    select * into subject from integration.message_subject(due.entity, due.entity_id);
    select * into recipient from integration.message_recipient(due.patient_id, array[due.channel]);
    allowed_at := integration.after_quiet_hours(p_now);
    if subject.version is distinct from due.entity_version then
      perform integration.end_unsent(due, 'no-longer-due');
    elsif recipient.reason is not null then
      perform integration.end_unsent(due, recipient.reason);
    elsif unclear >= 2 then
      perform integration.end_unsent(due, 'no-answer');
    elsif allowed_at >= due.send_until then
      perform integration.end_unsent(due, 'too-late');
    elsif allowed_at > p_now then
      update integration.messages as waiting set send_at = allowed_at, unclear_attempts = unclear, lease_token = null,
        lease_expires_at = null where waiting.key = due.key;
    else
      token := gen_random_uuid();
      update integration.messages as waiting set lease_token = token, unclear_attempts = unclear,
          attempts = waiting.attempts + 1, lease_expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds),
          recipient_masked = '••••••' || right(recipient.phone, 2)
        where waiting.key = due.key;
      return query select due.id, due.channel, due.template, due.locale, token, (due.attempts + 1)::smallint, unclear,
        recipient.phone, clinic.name, clinic.time_zone, subject.starts_at, subject.due_on, subject.owed_minor,
        subject.currency, (select known.exponent from billing.currencies as known where known.code = subject.currency)
        from appointment.clinic_settings as clinic;
    end if;
  end loop;
end
$$;

-- Ends what nobody will send any more, and what no receipt came for in three days. Answers how many.
create function integration.end_old_messages(p_now timestamptz) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  old integration.messages;
  ended integer := 0;
begin
  for old in
    select * from integration.messages as waiting
      where waiting.status = 'QUEUED' and waiting.send_until <= p_now
        and (waiting.lease_expires_at is null or waiting.lease_expires_at < clock_timestamp())
      limit 1000 for update skip locked
  loop
    perform integration.end_unsent(old, 'too-late');
    ended := ended + 1;
  end loop;
  for old in
    select * from integration.messages as waiting
      where waiting.status = 'SENT' and waiting.sent_at <= p_now - interval '3 days'
      limit 1000 for update skip locked
  loop
    update integration.messages set status = 'FAILED', status_reason = 'no-receipt' where key = old.key;
    ended := ended + 1;
  end loop;
  return ended;
end
$$;

-- What a provider says of a message, by our id or its own. It may come twice, late, out of order, or before the answer to
-- the request that sent it: a message only goes forward, and nothing happens to one that has ended. False: nothing happened.
create function integration.record_receipt(
  p_provider text, p_channel text, p_message_id text, p_provider_message_id text, p_state text, p_reason text,
  p_now timestamptz
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  known integration.messages;
begin
  select * into known from integration.messages as one
    where one.channel = p_channel and one.attempts > 0 and (one.provider = p_provider or one.provider is null)
      and (one.id = p_message_id
        or p_message_id is null and one.provider = p_provider and one.provider_message_id = p_provider_message_id)
    for update;
  if known.key is null or known.status not in ('QUEUED', 'SENT') or known.status = p_state then
    return false;
  end if;
  if known.status = 'QUEUED' then
    update integration.messages set status = 'SENT', provider = p_provider, sent_at = p_now, lease_token = null,
        lease_expires_at = null, provider_message_id = case when not exists (select from integration.messages as other
          where other.provider = p_provider and other.provider_message_id = p_provider_message_id) then p_provider_message_id end
      where key = known.key;
  end if;
  if p_state <> 'SENT' then
    update integration.messages set status = p_state, status_reason = case when p_state = 'FAILED' then p_reason end
      where key = known.key;
  end if;
  return true;
end
$$;

revoke all on function integration.audit_message_end(), integration.record_opt_out(text, text, timestamptz),
  integration.message_recipient(text, text[]), integration.after_quiet_hours(timestamptz),
  integration.message_subject(text, text), integration.plan_messages(timestamptz, text[], integer),
  integration.end_unsent(integration.messages, text), integration.claim_messages(timestamptz, text[], integer, integer),
  integration.end_old_messages(timestamptz),
  integration.record_receipt(text, text, text, text, text, text, timestamptz) from public;
grant execute on function integration.plan_messages(timestamptz, text[], integer),
  integration.claim_messages(timestamptz, text[], integer, integer), integration.end_old_messages(timestamptz),
  integration.record_opt_out(text, text, timestamptz) to bridgework_workers;
grant execute on function integration.record_receipt(text, text, text, text, text, text, timestamptz),
  integration.record_opt_out(text, text, timestamptz) to bridgework_integration;

reset role;
