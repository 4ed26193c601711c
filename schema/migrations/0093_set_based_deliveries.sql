-- What a delivery costs the database: its checks, its audit entry and its seal are made for a whole statement at once. A
-- look-up inside a trigger for each row was planned again for each row, which cost more than all the rest together. What
-- is guaranteed is what was guaranteed; docs/decisions/0042 has the figures.
set local role bridgework_owner;

-- Checks ---------------------------------------------------------------------------------------------------------------
-- A partition has no such trigger of its own: nobody but the owner may write to one directly.
create or replace function integration.note_delivery() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from added where not exists (select from outbox.events as event
    where event.id = added.event_id and event.event_month = added.event_month)) then
    raise exception 'a delivery is of an event and kept in its month' using errcode = 'foreign_key_violation';
  end if;
  insert into integration.delivery_numbers (endpoint_key, seq, event_month)
    select added.endpoint_key, added.seq, added.event_month from added;
  return null;
end
$$;
drop trigger note_delivery on integration.deliveries;
create trigger note_delivery after insert on integration.deliveries
  referencing new table as added for each statement execute function integration.note_delivery();

create or replace function integration.check_attempt() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from added where not exists (select from integration.deliveries as delivery
    where delivery.key = added.delivery_key and delivery.event_month = added.event_month
      and delivery.endpoint_key = added.endpoint_key)) then
    raise exception 'an attempt is one of a delivery and kept in its month' using errcode = 'foreign_key_violation';
  end if;
  return null;
end
$$;
drop trigger check_attempt on integration.delivery_attempts;
create trigger check_attempt after insert on integration.delivery_attempts
  referencing new table as added for each statement execute function integration.check_attempt();

-- The trigger above demands the delivery's own endpoint, and the delivery has the foreign key.
alter table integration.delivery_attempts drop constraint delivery_attempts_endpoint_key_fkey;

-- Indexes --------------------------------------------------------------------------------------------------------------
-- What is due, in the order in which it is sent; what is leased, by endpoint, whose leases each claim counts; and the few
-- whose worker died, which each claim looks for.
drop index integration.due;
create index due on integration.deliveries (endpoint_key, next_at, seq) where (state = 'PENDING');
drop index integration.leased;
create index leased on integration.deliveries (endpoint_key, lease_expires_at) where (state = 'LEASED');
create index suspect on integration.deliveries (endpoint_key, seq) where (state = 'PENDING' and crashes > 0);

-- Audit ----------------------------------------------------------------------------------------------------------------
-- Written by the functions below alone, of entries that nobody can delete: the foreign keys could only ever lock and
-- rewrite each entry twice. audit.verify says so should an entry be gone.
alter table audit.unsealed drop constraint unsealed_entry_key_fkey;
alter table audit.seals drop constraint seals_entry_key_fkey;

-- As audit.append, many at once. Without any of the optional fields an entry says null, and occurred once.
create function audit.append_all(actor text, request_id text, entries jsonb) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  appended integer;
begin
  with given as (
    select * from jsonb_to_recordset(append_all.entries) as one(actor text, integration_id text, action text, entity text,
      entity_id text, result text, error_message text, request_id text, occurrences integer)
  ), added as (
    insert into audit.entries (actor, integration_id, action, entity, entity_id, result, error_message, request_id,
      occurrences)
    select coalesce(given.actor, append_all.actor), given.integration_id, given.action, given.entity, given.entity_id,
      given.result, left(given.error_message, 500), coalesce(given.request_id, append_all.request_id),
      coalesce(given.occurrences, 1)
    from given
    returning key
  ), waiting as (
    insert into audit.unsealed (entry_key) select added.key from added returning 1
  )
  select count(*) into appended from waiting;
  return appended;
end
$$;
grant execute on function audit.append_all(text, text, jsonb) to bridgework_workers;

-- The same text; without settings of its own it is inlined where it is used. What it names was bound when it was made.
create or replace function audit.entry_text(entry audit.entries) returns text
  language sql stable
return jsonb_build_array(entry.key, entry.id, (extract(epoch from entry.occurred_at) * 1000)::bigint,
  entry.integration_id, entry.actor, entry.action, entry.entity, entry.entity_id, entry.result, entry.error_message,
  entry.request_id, entry.occurrences, entry.written_by)::text;

-- The chain is computed entry by entry and written at once.
create or replace function audit.seal(at_most integer default 1000) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  head_position bigint;
  head_hash bytea;
  entry_keys bigint[];
  texts text[];
  hashes bytea[] := '{}';
begin
  if not pg_try_advisory_xact_lock(hashtextextended('audit.seal', 0)) then
    return 0;
  end if;
  select array_agg(waiting.key order by waiting.key), array_agg(audit.entry_text(waiting) order by waiting.key)
    into entry_keys, texts
    from (select entry_key from audit.unsealed order by entry_key limit at_most) as next
    join audit.entries as waiting on waiting.key = next.entry_key;
  if entry_keys is null then
    return 0;
  end if;
  select seal.position, seal.hash into head_position, head_hash
    from audit.seals as seal order by seal.position desc limit 1;
  head_position := coalesce(head_position, 0);
  head_hash := coalesce(head_hash, decode(repeat('00', 32), 'hex'));
  hashes := array[head_hash];
  for place in 1 .. cardinality(entry_keys) loop
    -- As audit.seal_hash.
    head_hash := sha256(head_hash || convert_to((head_position + place)::text || ' ' || texts[place], 'UTF8'));
    hashes := hashes || head_hash;
  end loop;
  insert into audit.seals (position, entry_key, previous_hash, hash)
    select head_position + place, entry_keys[place], hashes[place], hashes[place + 1]
    from generate_series(1, cardinality(entry_keys)) as place;
  delete from audit.unsealed where entry_key = any (entry_keys);
  return cardinality(entry_keys);
end
$$;

reset role;
