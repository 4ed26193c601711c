-- Imports that a worker carries out, free-form metadata, and the hosts that an image may be referred to on.
set local role bridgework_owner;

alter table appointment.imports
  add column processed_count integer not null default 0,
  add column metadata jsonb not null default '{}',
  -- The rows of an import that waits for a worker; gone when it has ended.
  add column rows jsonb,
  -- Who asked for it: the audit entry of its end names them.
  add column token_id text,
  add column request_id text,
  add constraint rows_while_running check (rows is null or status = 'RUNNING');
create index waiting on appointment.imports (key) where (status = 'RUNNING' and rows is not null);
grant update (processed_count, rows) on appointment.imports to bridgework_appointment;

-- A table of its own: a core with other tables shows its images through a view and knows nothing of a partner's notes.
create table appointment.imaging_metadata (
  imaging_id text primary key,
  metadata jsonb not null
);
create trigger refuse_change before update or delete on appointment.imaging_metadata
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on appointment.imaging_metadata
  for each statement execute function base.refuse_change();
grant select, insert on appointment.imaging_metadata to bridgework_appointment;

-- Whether the clinic approved this host for images of this integration. The subgraph learns this and no more of the registry.
create function appointment.image_host_allowed(integration_id text, host text) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select 1 from integration.integrations as known
    where known.id = image_host_allowed.integration_id and image_host_allowed.host = any (known.allowed_image_hosts))
$$;

-- The oldest import that waits, held by this transaction: a worker that dies leaves it to the next. No row: none waits, or
-- another worker is at it. Its rows are in the order in which they were given.
create function appointment.take_import(
  out import_id text, out integration_id text, out token_id text, out request_id text, out rows jsonb
) returns setof record
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not pg_try_advisory_xact_lock(hashtextextended('appointment.take_import', 0)) then
    return;
  end if;
  return query select waiting.id, waiting.integration_id, waiting.token_id, waiting.request_id, waiting.rows
    from appointment.imports as waiting where waiting.status = 'RUNNING' and waiting.rows is not null
    order by waiting.key limit 1;
end
$$;

-- How far a running import is; written beside the transaction that books, for others to see.
create function appointment.note_import_progress(import_id text, processed_count integer) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update appointment.imports as running set processed_count = note_import_progress.processed_count
    where running.id = import_id and running.status = 'RUNNING' and running.rows is not null
      and note_import_progress.processed_count <= running.row_count
$$;

-- Ends an import that a worker took: DONE, or FAILED when there are errors. False when it had ended already.
create function appointment.finish_import(
  import_id text, imported_count integer, unchanged_count integer, errors jsonb
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update appointment.imports as running
    set status = case when finish_import.errors = '[]' then 'DONE' else 'FAILED' end, processed_count = running.row_count,
      imported_count = finish_import.imported_count, unchanged_count = finish_import.unchanged_count,
      errors = finish_import.errors, rows = null, finished_at = clock_timestamp()
    where running.id = import_id and running.status = 'RUNNING' and running.rows is not null;
  return found;
end
$$;

grant execute on function appointment.image_host_allowed(text, text) to bridgework_appointment;
grant usage on schema appointment to bridgework_workers;
grant execute on function appointment.take_import(), appointment.note_import_progress(text, integer),
  appointment.finish_import(text, integer, integer, jsonb), appointment.record_import(text, text, jsonb)
  to bridgework_workers;

reset role;
