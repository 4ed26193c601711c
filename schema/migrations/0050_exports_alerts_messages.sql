-- What was computed once and stays (exports), what a manager must hear (alerts), what goes out to patients (messages),
-- and what is sent again on somebody's word (redrives).
set local role bridgework_owner;

-- Exports --------------------------------------------------------------------------------------------------------------
create table billing.exports (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('exp'),
  kind text not null check (kind in ('DAILY_COLLECTED_REVENUE', 'MONTHLY_PROFIT_SUMMARY', 'DEFERRED_RECEIVABLES_AGING')),
  -- The business date; of a month its first day; of the aging the day it looks back from.
  period date not null,
  -- RFC 8785 JSON without timestamps, so that computing it again gives the same bytes.
  content text not null,
  content_sha256 text not null check (content_sha256 = encode(sha256(convert_to(content, 'UTF8')), 'hex')),
  -- The chain of all exports: an export that was taken out or put in between shows.
  position bigint not null unique check (position > 0),
  previous_sha256 text not null check (previous_sha256 ~ '^[0-9a-f]{64}$'),
  generated_by text not null,
  generated_at timestamptz(3) not null default now(),
  unique (kind, period),
  check (kind <> 'MONTHLY_PROFIT_SUMMARY' or extract(day from period) = 1)
);

-- What renderers made of the content: kept, for no renderer is byte-stable over its versions.
create table billing.export_files (
  key bigint generated always as identity primary key,
  export_key bigint not null references billing.exports (key),
  format text not null check (format in ('CSV', 'XLSX', 'JSON', 'PDF')),
  content bytea not null,
  sha256 text not null check (sha256 = encode(sha256(content), 'hex')),
  created_at timestamptz(3) not null default now(),
  unique (export_key, format)
);

do $$
declare
  history text;
begin
  foreach history in array array['exports', 'export_files'] loop
    execute format('create trigger refuse_change before update or delete on billing.%I
      for each row execute function base.refuse_change()', history);
    execute format('create trigger refuse_truncate before truncate on billing.%I
      for each statement execute function base.refuse_change()', history);
  end loop;
end
$$;

-- An export speaks of a period that can no longer change.
create function billing.guard_export() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.kind = 'MONTHLY_PROFIT_SUMMARY'
    and not exists (select 1 from billing.months where month = new.period and status = 'CLOSED')
    or new.kind <> 'MONTHLY_PROFIT_SUMMARY'
    and not exists (select 1 from billing.business_days where business_date = new.period and status = 'CLOSED') then
    raise exception 'an export is made of a closed period' using errcode = 'BW009';
  end if;
  return new;
end
$$;
create trigger guard_export before insert on billing.exports for each row execute function billing.guard_export();

-- Keeps an export with its rendered files and its audit row; of a period and kind that is there already the first stays,
-- and `fresh` is false. Files: {"CSV": "<base64>", …}. Raises BW009 while the period is open, 22023 for what is no export.
create function billing.record_export(
  kind text, period date, content text, files jsonb, actor text, integration_id text, request_id text,
  out export_id text, out fresh boolean
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  newest billing.exports;
  made billing.exports;
begin
  if num_nulls(record_export.kind, record_export.period, record_export.content, record_export.files,
      record_export.actor) > 0 then
    raise exception 'an export has a kind, a period, a content, files and somebody who asked for it' using errcode = '22023';
  end if;
  -- One at a time: each takes its place in the chain behind the one before.
  perform pg_advisory_xact_lock(hashtextextended('billing.exports', 0));
  select known.id into export_id from billing.exports as known
    where known.kind = record_export.kind and known.period = record_export.period;
  fresh := export_id is null;
  if not fresh then
    return;
  end if;
  select * into newest from billing.exports as known order by known.position desc limit 1;
  insert into billing.exports (kind, period, content, content_sha256, position, previous_sha256, generated_by)
    values (record_export.kind, record_export.period, record_export.content,
      encode(sha256(convert_to(record_export.content, 'UTF8')), 'hex'), coalesce(newest.position, 0) + 1,
      coalesce(newest.content_sha256, repeat('0', 64)), record_export.actor)
    returning * into made;
  insert into billing.export_files (export_key, format, content, sha256)
    select made.key, file.key, decode(file.value, 'base64'), encode(sha256(decode(file.value, 'base64')), 'hex')
    from jsonb_each_text(record_export.files) as file;
  perform audit.append(record_export.actor, record_export.integration_id, 'export.generate', 'export', made.id, 'OK', null,
    record_export.request_id);
  export_id := made.id;
end
$$;

-- Alerts ---------------------------------------------------------------------------------------------------------------
create table integration.alerts (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('alr'),
  -- `noun.past`: endpoint.failing, review.overdue …
  kind text not null check (kind ~ '^[a-z_]+\.[a-z_]+$'),
  entity text not null,
  entity_id text not null,
  -- For a person to read; no personal data.
  detail text not null check (length(detail) between 1 and 500),
  -- The window it speaks for, counted from 1970: the second one of a window is the first one.
  window_seconds integer not null check (window_seconds > 0),
  window_number bigint not null,
  raised_at timestamptz(3) not null default now(),
  notified_at timestamptz(3),
  acknowledged_at timestamptz(3),
  acknowledged_by text,
  unique (kind, entity, entity_id, window_seconds, window_number),
  check ((acknowledged_at is null) = (acknowledged_by is null))
);
create index on integration.alerts (entity, entity_id, kind, raised_at);
create index not_acknowledged on integration.alerts (key) where (acknowledged_at is null);
create index not_notified on integration.alerts (key) where (notified_at is null);

-- What an alert said stays; that it was sent and who saw it is added once.
create function integration.guard_alert() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (to_jsonb(new) - array['notified_at', 'acknowledged_at', 'acknowledged_by'])
      <> (to_jsonb(old) - array['notified_at', 'acknowledged_at', 'acknowledged_by'])
    or old.notified_at is not null and new.notified_at is distinct from old.notified_at
    or old.acknowledged_at is not null
      and (new.acknowledged_at, new.acknowledged_by) is distinct from (old.acknowledged_at, old.acknowledged_by) then
    raise exception 'an alert keeps what it said' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger guard_alert before update on integration.alerts
  for each row execute function integration.guard_alert();

-- Tells the managers, once per kind, entity and window however often it is called; returns the new alert's id, or null
-- when one speaks for this window already. The look before the insert keeps the crowd from queueing on the unique index.
create function integration.raise_alert(
  p_kind text, p_entity text, p_entity_id text, p_detail text, p_window interval default interval '1 hour'
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  seconds constant integer := greatest(extract(epoch from p_window)::integer, 1);
  alert_id text;
begin
  if exists (select 1 from integration.alerts as known
      where known.kind = p_kind and known.entity = p_entity and known.entity_id = p_entity_id
        and known.raised_at > now() - make_interval(secs => seconds)) then
    return null;
  end if;
  insert into integration.alerts (kind, entity, entity_id, detail, window_seconds, window_number)
    values (p_kind, p_entity, p_entity_id, left(p_detail, 500), seconds,
      floor(extract(epoch from now()) / seconds)::bigint)
    on conflict do nothing
    returning id into alert_id;
  return alert_id;
end
$$;

-- Messages to patients -------------------------------------------------------------------------------------------------
create table integration.messages (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('msg'),
  channel text not null check (channel in ('SMS', 'WHATSAPP')),
  template text not null,
  locale text not null check (locale in ('ar', 'en')),
  -- What it reminds of, and whom; names and numbers stay in the clinic's own tables.
  entity text not null check (entity in ('appointment', 'installment', 'invoice')),
  entity_id text not null,
  patient_id text not null,
  -- One reminder for one version of the thing, for ever: a moved appointment is another version.
  entity_version text not null,
  -- The last two digits alone.
  recipient_masked text check (recipient_masked !~ '[0-9]{3}'),
  status text not null default 'QUEUED' check (status in ('QUEUED', 'SENT', 'DELIVERED', 'FAILED', 'SUPPRESSED')),
  -- Why it failed or was suppressed: opted-out, no-consent, too-late, rejected …
  status_reason text check (length(status_reason) <= 200),
  provider text,
  provider_message_id text,
  segments smallint check (segments > 0),
  attempts smallint not null default 0,
  send_at timestamptz(3) not null default now(),
  -- Not sent after this: a reminder of what has been is none.
  send_until timestamptz(3) not null,
  lease_token uuid,
  lease_expires_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (entity_id, template, entity_version),
  unique (provider, provider_message_id),
  check ((lease_token is null) = (lease_expires_at is null)),
  check (status not in ('FAILED', 'SUPPRESSED') or status_reason is not null)
);
create index due_messages on integration.messages (send_at) where (status = 'QUEUED');

create trigger guard_status before insert or update on integration.messages
  for each row execute function base.guard_status('QUEUED,SUPPRESSED',
    'QUEUED>SENT,QUEUED>FAILED,QUEUED>SUPPRESSED,SENT>DELIVERED,SENT>FAILED');
create trigger touch before update on integration.messages for each row execute function base.touch();

create function integration.guard_message() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.id, new.channel, new.template, new.locale, new.entity, new.entity_id, new.patient_id, new.entity_version,
      new.created_at) is distinct from (old.id, old.channel, old.template, old.locale, old.entity, old.entity_id,
      old.patient_id, old.entity_version, old.created_at) then
    raise exception 'a message keeps to whom and of what it speaks' using errcode = 'BW002';
  end if;
  if old.status in ('DELIVERED', 'FAILED', 'SUPPRESSED') and to_jsonb(new) - 'updated_at' <> to_jsonb(old) - 'updated_at' then
    raise exception 'how a message ended does not change' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger guard_message before update on integration.messages
  for each row execute function integration.guard_message();

-- Redrives -------------------------------------------------------------------------------------------------------------
create table integration.redrives (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('rdr'),
  -- Empty: every integration's; only a manager may ask for that.
  integration_key bigint references integration.integrations (key),
  endpoint_key bigint references integration.webhook_endpoints (key),
  event_type text,
  created_from timestamptz(3),
  created_to timestamptz(3),
  include_delivered boolean not null default false,
  per_second integer not null default 500 check (per_second between 1 and 10000),
  status text not null default 'RUNNING' check (status in ('RUNNING', 'DONE', 'CANCELLED')),
  -- Counted when it was asked for; what dies later is not part of it.
  matched_count bigint not null check (matched_count >= 0),
  replayed_count bigint not null default 0 check (replayed_count >= 0),
  -- Where it goes on after a stop: deliveries up to this key are done.
  done_until_key bigint not null default 0,
  last_key bigint not null,
  requested_by text not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  finished_at timestamptz(3),
  check ((status = 'RUNNING') = (finished_at is null)),
  check (created_from < created_to)
);
create index running on integration.redrives (key) where (status = 'RUNNING');

create trigger guard_status before insert or update on integration.redrives
  for each row execute function base.guard_status('RUNNING,DONE', 'RUNNING>DONE,RUNNING>CANCELLED');
create trigger touch before update on integration.redrives for each row execute function base.touch();

create function integration.guard_redrive() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  moving constant text[] := array['status', 'replayed_count', 'done_until_key', 'updated_at', 'finished_at'];
begin
  if to_jsonb(new) - moving <> to_jsonb(old) - moving
    or new.replayed_count < old.replayed_count or new.done_until_key < old.done_until_key
    or old.status <> 'RUNNING' and to_jsonb(new) - 'updated_at' <> to_jsonb(old) - 'updated_at' then
    raise exception 'a redrive keeps what was asked and only goes on' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger guard_redrive before update on integration.redrives
  for each row execute function integration.guard_redrive();

do $$
declare
  kept text;
begin
  foreach kept in array array['alerts', 'messages', 'redrives'] loop
    execute format('create trigger refuse_delete before delete on integration.%I
      for each row execute function base.refuse_change()', kept);
    execute format('create trigger refuse_truncate before truncate on integration.%I
      for each statement execute function base.refuse_change()', kept);
  end loop;
end
$$;

-- Rights ---------------------------------------------------------------------------------------------------------------
grant select on billing.exports, billing.export_files to bridgework_billing;
grant execute on function billing.record_export(text, date, text, jsonb, text, text, text) to bridgework_billing;

grant execute on function integration.raise_alert(text, text, text, text, interval)
  to bridgework_appointment, bridgework_billing, bridgework_integration, bridgework_workers;
grant usage on schema integration to bridgework_appointment, bridgework_billing;
grant select on integration.alerts, integration.messages, integration.redrives
  to bridgework_integration, bridgework_workers;
grant update (acknowledged_at, acknowledged_by) on integration.alerts to bridgework_integration;
grant update (notified_at) on integration.alerts to bridgework_workers;

grant insert (channel, template, locale, entity, entity_id, patient_id, entity_version, recipient_masked, status,
  status_reason, send_at, send_until) on integration.messages to bridgework_workers;
grant update (status, status_reason, provider, provider_message_id, segments, attempts, send_at, lease_token,
  lease_expires_at, recipient_masked) on integration.messages to bridgework_workers;

grant insert (integration_key, endpoint_key, event_type, created_from, created_to, include_delivered, per_second, status,
  matched_count, last_key, requested_by, finished_at) on integration.redrives to bridgework_integration;
grant update (status, finished_at) on integration.redrives to bridgework_integration;
grant update (status, replayed_count, done_until_key, finished_at) on integration.redrives to bridgework_workers;

reset role;
