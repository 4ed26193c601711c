-- What the calendar holds to, whoever writes.
set local role bridgework_owner;

-- The clinic's calendar: the one place where an instant becomes a date.
create function base.clinic_time_zone() returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$ select time_zone from appointment.clinic_settings $$;

create function base.local_date(instant timestamptz) returns date
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  zone constant text := base.clinic_time_zone();
begin
  if zone is null then
    raise exception 'appointment.clinic_settings has no row: the clinic''s time zone is not known' using errcode = 'BW003';
  end if;
  return (instant at time zone zone)::date;
end
$$;

create function appointment.check_time_zone() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- By name, not by abbreviation: an abbreviation knows no daylight saving.
  if not exists (select 1 from pg_timezone_names where name = new.time_zone) then
    raise exception '% is not an IANA time zone', new.time_zone using errcode = 'BW003';
  end if;
  return new;
end
$$;
create trigger check_time_zone before insert or update on appointment.clinic_settings
  for each row execute function appointment.check_time_zone();

create trigger touch before update on appointment.patients for each row execute function base.touch();

-- Appointments -------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on appointment.appointments
  for each row when (new.status <> 'SCHEDULED') execute function base.guard_status('SCHEDULED');
create trigger a_guard_status before update on appointment.appointments
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('SCHEDULED',
    'SCHEDULED>CONFIRMED,SCHEDULED>CANCELLED,SCHEDULED>NO_SHOW,CONFIRMED>IN_PROGRESS,CONFIRMED>CANCELLED,CONFIRMED>NO_SHOW,IN_PROGRESS>COMPLETED,IN_PROGRESS>CANCELLED');

create function appointment.begin_appointment() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.sequence := 1;
  new.changed := '{}';
  new.change_xid := null;
  new.change_event_id := null;
  return new;
end
$$;
create trigger b_begin_appointment before insert on appointment.appointments
  for each row execute function appointment.begin_appointment();

create function appointment.begin_visit() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.procedure_count := 0;
  return new;
end
$$;
create trigger b_begin_visit before insert on appointment.visits
  for each row execute function appointment.begin_visit();

-- What happened stays: a row in a final state, and where any row came from.
create function appointment.guard_appointment() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status in ('COMPLETED', 'CANCELLED', 'NO_SHOW') and (new.status, new.starts_at, new.ends_at, new.patient_id,
      new.provider_id, new.chair_id, new.completed_at)
    is distinct from (old.status, old.starts_at, old.ends_at, old.patient_id, old.provider_id, old.chair_id,
      old.completed_at) then
    raise exception 'an appointment that is % does not change', old.status using errcode = 'BW002';
  end if;
  if (new.id, new.source, new.patient_id, new.imported_by_integration_id, new.external_id, new.import_key, new.created_at)
    is distinct from (old.id, old.source, old.patient_id, old.imported_by_integration_id, old.external_id,
      old.import_key, old.created_at) then
    raise exception 'an appointment''s patient and origin do not change' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger b_guard_appointment before update on appointment.appointments
  for each row execute function appointment.guard_appointment();

-- Notes what changed, once per transaction. Nobody else writes sequence, changed, change_xid, change_event_id.
create function appointment.note_change() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  now_changed text[];
begin
  new.updated_at := now();
  if new.status = 'COMPLETED' and new.completed_at is null then
    new.completed_at := now();
  end if;
  new.sequence := old.sequence;
  new.changed := old.changed;
  new.change_xid := old.change_xid;
  new.change_event_id := old.change_event_id;
  now_changed := array_remove(array[
    case when new.starts_at is distinct from old.starts_at then 'starts_at' end,
    case when new.ends_at is distinct from old.ends_at then 'ends_at' end,
    case when new.provider_id is distinct from old.provider_id then 'provider_id' end,
    case when new.chair_id is distinct from old.chair_id then 'chair_id' end,
    case when new.status is distinct from old.status and new.status <> 'COMPLETED' then 'status' end
  ], null);
  if cardinality(now_changed) = 0 and new.status = old.status then
    return new;
  end if;
  if old.change_xid is distinct from pg_current_xact_id() then
    new.sequence := old.sequence + 1;
    new.change_xid := pg_current_xact_id();
    new.change_event_id := null;
    new.changed := '{}';
  end if;
  if cardinality(now_changed) > 0 then
    new.changed := new.changed || array(select unnest(now_changed) except select unnest(new.changed) order by 1);
    new.change_event_id := coalesce(new.change_event_id, base.new_id('evt'));
  end if;
  return new;
end
$$;
create trigger c_note_change before update on appointment.appointments
  for each row execute function appointment.note_change();

-- Visits -------------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on appointment.visits
  for each row when (new.status <> 'OPEN') execute function base.guard_status('OPEN');
create trigger a_guard_status before update on appointment.visits
  for each row when (old.status is distinct from new.status) execute function base.guard_status('OPEN', 'OPEN>COMPLETED');

create function appointment.guard_visit() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status = 'COMPLETED' then
    raise exception 'a completed visit does not change' using errcode = 'BW002';
  end if;
  if (new.id, new.appointment_id, new.patient_id, new.created_at)
    is distinct from (old.id, old.appointment_id, old.patient_id, old.created_at) then
    raise exception 'a visit''s appointment and patient do not change' using errcode = 'BW002';
  end if;
  if new.procedure_count <> old.procedure_count and pg_trigger_depth() < 2 then
    raise exception 'procedure_count is counted, not written' using errcode = 'BW002';
  end if;
  if new.status = 'COMPLETED' and new.completed_at is null then
    new.completed_at := now();
  end if;
  new.updated_at := now();
  return new;
end
$$;
create trigger b_guard_visit before update on appointment.visits
  for each row execute function appointment.guard_visit();

create function appointment.count_procedure() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update appointment.visits set procedure_count = procedure_count + 1 where key = new.visit_key;
  return null;
end
$$;
create trigger count_procedure after insert on appointment.visit_procedures
  for each row execute function appointment.count_procedure();

-- Medical history is added to, never rewritten.
create trigger refuse_change before update or delete on appointment.visit_procedures
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on appointment.visit_procedures
  for each statement execute function base.refuse_change();
create trigger refuse_change before update or delete on appointment.imaging_references
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on appointment.imaging_references
  for each statement execute function base.refuse_change();
create trigger refuse_delete before delete on appointment.visits
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on appointment.visits
  for each statement execute function base.refuse_change();
create trigger refuse_delete before delete on appointment.appointments
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on appointment.appointments
  for each statement execute function base.refuse_change();

-- An import only goes forward.
create trigger a_guard_first_status before insert on appointment.imports
  for each row when (new.status <> 'RUNNING') execute function base.guard_status('RUNNING');
create trigger a_guard_status before update on appointment.imports
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('RUNNING', 'RUNNING>DONE,RUNNING>FAILED');

reset role;
