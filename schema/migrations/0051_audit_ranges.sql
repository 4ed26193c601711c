-- The chain is verified piece by piece, so that a log of any length fits the time a statement has.
set local role bridgework_owner;

-- Faults of the seals after one position up to another. A piece begins with the newest seal that is there at or before
-- its start, so that what was deleted at the seam of two pieces shows in the second.
create function audit.verify_seals(after_position bigint, until_position bigint)
returns table (fault text, seal_position bigint, entry_id text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with seam as (
    select coalesce(max(seal.position), 0) as position,
      coalesce((array_agg(seal.hash))[1], decode(repeat('00', 32), 'hex')) as hash
    from (select position, hash from audit.seals where position <= after_position order by position desc limit 1) as seal
  ), chain as (
    select seal.position, seal.hash, seal.previous_hash, entry.id as entry_id,
      case when entry.key is not null then audit.seal_hash(seal.position, seal.previous_hash, entry) end as computed,
      coalesce(lag(seal.position) over piece, seam.position) as position_before,
      coalesce(lag(seal.hash) over piece, seam.hash) as hash_before
    from seam cross join audit.seals as seal left join audit.entries as entry on entry.key = seal.entry_key
    where seal.position > after_position and seal.position <= until_position
    window piece as (order by seal.position)
  )
  select 'seal missing', position - 1, null::text from chain where position <> position_before + 1
  union all
  select 'entry deleted', position, null from chain where computed is null
  union all
  select 'entry or seal edited', position, entry_id from chain where computed is not null and computed <> hash
  union all
  select 'chain broken', position, entry_id from chain
    where previous_hash <> hash_before and position = position_before + 1
$$;

-- Entries that are in no chain: neither sealed nor waiting, or waiting for too long.
create function audit.verify_unsealed() returns table (fault text, seal_position bigint, entry_id text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select 'seal of entry missing', null::bigint, entry.id from audit.entries as entry
    where not exists (select 1 from audit.seals as seal where seal.entry_key = entry.key)
      and not exists (select 1 from audit.unsealed as waiting where waiting.entry_key = entry.key)
  union all
  select 'unsealed for more than 5 s', null, entry.id
    from audit.unsealed as waiting join audit.entries as entry on entry.key = waiting.entry_key
    where entry.occurred_at < clock_timestamp() - interval '5 seconds'
$$;

-- All of it in one statement: one state of the log, for as many entries as the time suffices.
create or replace function audit.verify(head_position bigint default null, head_hash bytea default null)
returns table (fault text, seal_position bigint, entry_id text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select * from audit.verify_seals(0, 9223372036854775807)
  union all
  select * from audit.verify_unsealed()
  union all
  select 'tail cut off or rewritten', head_position, null where head_position is not null and not exists (
    select 1 from audit.seals as seal where seal.position = head_position and seal.hash = head_hash)
$$;

-- How many seconds the oldest entry has waited for its seal; null when none waits.
create function audit.longest_wait() returns double precision
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select extract(epoch from clock_timestamp() - min(entry.occurred_at))::double precision
    from audit.unsealed as waiting join audit.entries as entry on entry.key = waiting.entry_key
$$;

grant execute on function audit.verify_seals(bigint, bigint), audit.verify_unsealed()
  to bridgework_workers, bridgework_integration;
grant execute on function audit.longest_wait() to bridgework_workers;

reset role;
