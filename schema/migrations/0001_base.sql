-- Shared ground: schemas, public ids, the clinic's calendar, guards that other migrations put on their tables.
-- The roles exist already: kernel/src/migrate.ts creates them, for they belong to the cluster and not to one database.
--
-- Conventions of every table: `key` is internal and never leaves the database, `id` is the public id. A foreign key
-- inside a schema is `<noun>_key`; a reference into another schema holds the public id without a foreign key. One
-- exception: rows that events are made of (appointments, visits, payments) refer by public id inside their schema too,
-- so that the event's trigger finds everything in the row itself and needs no look-up.
set local role bridgework_owner;

alter default privileges revoke execute on functions from public;

create schema base;
create schema appointment;
create schema billing;
create schema inventory;
create schema integration;
create schema outbox;
create schema audit;
create schema idempotency;

create extension if not exists btree_gist with schema base;

-- The SQL twin of kernel/src/ids.ts: the 128 bits of a version 4 UUID as 26 characters of Crockford base32.
create function base.crockford(bits bigint, digits integer) returns text
  language plpgsql immutable parallel safe
as $$
declare
  text_ text := '';
begin
  for digit in reverse digits - 1 .. 0 loop
    text_ := text_ || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + ((bits >> (5 * digit)) & 31)::integer, 1);
  end loop;
  return text_;
end
$$;

create function base.new_id(prefix text) returns text
  language plpgsql volatile parallel safe
as $$
declare
  bits constant bit(128) := ('x' || replace(gen_random_uuid()::text, '-', ''))::bit(128);
begin
  -- 43 + 45 + 40 bits: three pieces that fit a bigint and end on a digit.
  return prefix || '_'
    || base.crockford(substring(bits from 1 for 43)::bit(43)::bigint, 9)
    || base.crockford(substring(bits from 44 for 45)::bit(45)::bigint, 9)
    || base.crockford(substring(bits from 89 for 40)::bit(40)::bigint, 8);
end
$$;

-- A short random text for people to read out, without the letters that look like digits: `7K2M9-QXTBD`.
create function base.new_reference() returns text
  language sql volatile parallel safe
  return upper(overlay(substr(base.new_id('ref'), 11, 10) placing '-' from 6 for 0));

-- Append-only tables carry this on every UPDATE and DELETE of a row and on every TRUNCATE. It holds for the owner too.
create function base.refuse_change() returns trigger
  language plpgsql
as $$
begin
  raise exception '%.% is append-only: % is refused', tg_table_schema, tg_table_name, tg_op using errcode = 'BW001';
end
$$;

-- Arguments: the states a row may be born in, then the allowed steps as 'FROM>TO'.
create function base.guard_status() returns trigger
  language plpgsql
as $$
begin
  if tg_op = 'INSERT' then
    if not new.status = any (string_to_array(tg_argv[0], ',')) then
      raise exception '%.% cannot begin as %', tg_table_schema, tg_table_name, new.status using errcode = 'BW002';
    end if;
  elsif new.status is distinct from old.status
    and not (old.status || '>' || new.status) = any (string_to_array(tg_argv[1], ',')) then
    raise exception '%.% cannot go from % to %', tg_table_schema, tg_table_name, old.status, new.status
      using errcode = 'BW002';
  end if;
  return new;
end
$$;

create function base.touch() returns trigger
  language plpgsql
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

grant usage on schema base to core_app, bridgework_appointment, bridgework_billing, bridgework_inventory,
  bridgework_integration, bridgework_workers;
grant execute on function base.crockford(bigint, integer), base.new_id(text), base.new_reference()
  to core_app, bridgework_appointment, bridgework_billing, bridgework_inventory, bridgework_integration,
  bridgework_workers;

reset role;
