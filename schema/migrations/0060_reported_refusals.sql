-- A refusal that a gateway reports after an outage is filed under the instant at which it happened. How long an entry has
-- waited for its seal is then no longer what its own time says.
set local role bridgework_owner;

alter table audit.unsealed add column waiting_since timestamptz(3) not null default clock_timestamp();

-- As audit.append, for what another process has seen: refusals alone, neither in the future nor older than a spool of
-- reports may be. Nothing that was done can be filed under another time than its own.
create function audit.append_refusal(
  occurred_at timestamptz, actor text, integration_id text, action text, entity text, entity_id text, result text,
  error_message text, request_id text, occurrences integer default 1
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  entry_key bigint;
  entry_id text;
begin
  if result is null or result not in ('DENIED', 'REJECTED') then
    raise exception 'only a refusal is reported' using errcode = 'BW002';
  end if;
  insert into audit.entries as entry
    (occurred_at, actor, integration_id, action, entity, entity_id, result, error_message, request_id, occurrences)
    values (greatest(least(append_refusal.occurred_at, clock_timestamp()), clock_timestamp() - interval '7 days'),
      append_refusal.actor, append_refusal.integration_id, append_refusal.action, append_refusal.entity,
      append_refusal.entity_id, append_refusal.result, left(append_refusal.error_message, 500),
      append_refusal.request_id, append_refusal.occurrences)
    returning entry.key, entry.id into entry_key, entry_id;
  insert into audit.unsealed (entry_key) values (entry_key);
  return entry_id;
end
$$;
grant execute on function audit.append_refusal(timestamptz, text, text, text, text, text, text, text, text, integer)
  to bridgework_integration;

create or replace function audit.verify_unsealed() returns table (fault text, seal_position bigint, entry_id text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select 'seal of entry missing', null::bigint, entry.id from audit.entries as entry
    where not exists (select 1 from audit.seals as seal where seal.entry_key = entry.key)
      and not exists (select 1 from audit.unsealed as waiting where waiting.entry_key = entry.key)
  union all
  select 'unsealed for more than 5 s', null, entry.id
    from audit.unsealed as waiting join audit.entries as entry on entry.key = waiting.entry_key
    where waiting.waiting_since < clock_timestamp() - interval '5 seconds'
$$;

create or replace function audit.longest_wait() returns double precision
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select extract(epoch from clock_timestamp() - min(waiting_since))::double precision from audit.unsealed
$$;

reset role;
