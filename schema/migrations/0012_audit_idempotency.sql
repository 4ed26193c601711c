-- The audit and idempotency are reached through functions alone: no subgraph's role has rights on the tables, so none
-- reads another's stored answers and none edits a trace.
set local role bridgework_owner;

create trigger refuse_change before update or delete on audit.entries
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on audit.entries
  for each statement execute function base.refuse_change();
create trigger refuse_change before update or delete on audit.seals
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on audit.seals
  for each statement execute function base.refuse_change();
create trigger refuse_change before update on audit.unsealed
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on audit.unsealed
  for each statement execute function base.refuse_change();

-- Writes one entry in the transaction of its effect; no lock is shared with anybody. Returns the entry's id.
create function audit.append(
  actor text, integration_id text, action text, entity text, entity_id text, result text, error_message text,
  request_id text, occurrences integer default 1
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  entry_key bigint;
  entry_id text;
begin
  insert into audit.entries as entry
    (actor, integration_id, action, entity, entity_id, result, error_message, request_id, occurrences)
    values (append.actor, append.integration_id, append.action, append.entity, append.entity_id, append.result,
      left(append.error_message, 500), append.request_id, append.occurrences)
    returning entry.key, entry.id into entry_key, entry_id;
  insert into audit.unsealed values (entry_key);
  return entry_id;
end
$$;

-- What a seal is about: every column of the entry, in a form that does not depend on settings of the session.
create function audit.entry_text(entry audit.entries) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_array(entry.key, entry.id, (extract(epoch from entry.occurred_at) * 1000)::bigint,
    entry.integration_id, entry.actor, entry.action, entry.entity, entry.entity_id, entry.result, entry.error_message,
    entry.request_id, entry.occurrences, entry.written_by)::text
$$;

create function audit.seal_hash(seal_position bigint, previous_hash bytea, entry audit.entries) returns bytea
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select sha256(previous_hash || convert_to(seal_position::text || ' ' || audit.entry_text(entry), 'UTF8'))
$$;

-- Appends seals for what is unsealed; one sealer at a time, others return at once. Returns how many it sealed.
create function audit.seal(at_most integer default 1000) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  entry audit.entries;
  head_position bigint;
  head_hash bytea;
  sealed integer := 0;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('audit.seal', 0)) then
    return 0;
  end if;
  select seal.position, seal.hash into head_position, head_hash
    from audit.seals as seal order by seal.position desc limit 1;
  head_position := coalesce(head_position, 0);
  head_hash := coalesce(head_hash, decode(repeat('00', 32), 'hex'));
  for entry in
    select waiting.* from audit.entries as waiting join audit.unsealed on unsealed.entry_key = waiting.key
      order by waiting.key limit at_most
  loop
    head_position := head_position + 1;
    insert into audit.seals (position, entry_key, previous_hash, hash)
      values (head_position, entry.key, head_hash, audit.seal_hash(head_position, head_hash, entry))
      returning hash into head_hash;
    delete from audit.unsealed where entry_key = entry.key;
    sealed := sealed + 1;
  end loop;
  return sealed;
end
$$;

-- The newest seal: what is signed and kept outside the database.
create function audit.head(out seal_position bigint, out hash bytea)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$ select position, hash from audit.seals order by position desc limit 1 $$;

-- Every fault of the chain, none when it is whole. With a head that was kept outside, a tail cut off before it shows too.
create function audit.verify(head_position bigint default null, head_hash bytea default null)
returns table (fault text, seal_position bigint, entry_id text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with chain as (
    select seal.position, seal.entry_key, seal.hash, seal.previous_hash, entry.id as entry_id,
      case when entry.key is not null then audit.seal_hash(seal.position, seal.previous_hash, entry) end as computed,
      lag(seal.position, 1, 0::bigint) over (order by seal.position) as position_before,
      lag(seal.hash, 1, decode(repeat('00', 32), 'hex')) over (order by seal.position) as hash_before
    from audit.seals as seal left join audit.entries as entry on entry.key = seal.entry_key
  )
  select 'seal missing', position - 1, null::text from chain where position <> position_before + 1
  union all
  select 'entry deleted', position, null from chain where computed is null
  union all
  select 'entry or seal edited', position, entry_id from chain where computed is not null and computed <> hash
  union all
  select 'chain broken', position, entry_id from chain
    where previous_hash <> hash_before and position = position_before + 1
  union all
  select 'seal of entry missing', null, entry.id from audit.entries as entry
    where not exists (select 1 from audit.seals as seal where seal.entry_key = entry.key)
      and not exists (select 1 from audit.unsealed as waiting where waiting.entry_key = entry.key)
  union all
  select 'unsealed for more than 5 s', null, entry.id
    from audit.unsealed as waiting join audit.entries as entry on entry.key = waiting.entry_key
    where entry.occurred_at < clock_timestamp() - interval '5 seconds'
  union all
  select 'tail cut off or rewritten', head_position, null where head_position is not null and not exists (
    select 1 from audit.seals as seal where seal.position = head_position and seal.hash = head_hash)
$$;

-- Idempotency --------------------------------------------------------------------------------------------------------
create function idempotency.key_lock(principal text, idempotency_key text) returns bigint
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$ select hashtextextended(principal || chr(31) || idempotency_key, 7011) $$;

-- Takes the key for this transaction. verdict: `fresh` (do the work, then idempotency.finish), `replay` (with the stored
-- outcome), `reused` (the key belongs to other content), `in-progress` (somebody else held it for 2 s).
create function idempotency.begin(
  principal text, idempotency_key text, operation text, fingerprint text, request_id text,
  out verdict text, out outcome jsonb
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  known idempotency.requests;
begin
  begin
    perform pg_advisory_xact_lock(idempotency.key_lock(principal, idempotency_key));
  exception when lock_not_available then
    verdict := 'in-progress';
    return;
  end;
  select * into known from idempotency.requests as request
    where request.principal = begin.principal and request.idempotency_key = begin.idempotency_key;
  if known.key is not null and known.created_at < now() - interval '30 days' then
    delete from idempotency.requests as request where request.key = known.key;
    known := null;
  end if;
  if known.key is null then
    insert into idempotency.requests (principal, idempotency_key, operation, fingerprint, request_id)
      values (begin.principal, begin.idempotency_key, begin.operation, begin.fingerprint, begin.request_id);
    verdict := 'fresh';
  elsif known.fingerprint <> begin.fingerprint or known.operation <> begin.operation
    or known.written_by <> session_user then
    verdict := 'reused';
  elsif known.outcome is null then
    -- Begun twice in one transaction.
    verdict := 'in-progress';
  else
    verdict := 'replay';
    outcome := known.outcome;
  end if;
end
$$;

-- Stores the outcome under a key that this very transaction has begun.
create function idempotency.finish(principal text, idempotency_key text, outcome jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update idempotency.requests as request set outcome = finish.outcome
    where request.principal = finish.principal and request.idempotency_key = finish.idempotency_key
      and request.xid = pg_current_xact_id() and request.outcome is null and request.written_by = session_user;
  if not found then
    raise exception 'this transaction has not begun that key' using errcode = 'BW006';
  end if;
end
$$;

-- A key without an answer must not outlive its transaction.
create function idempotency.check_finished() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select 1 from idempotency.requests as request where request.key = new.key and request.outcome is null) then
    raise exception 'a request that began its idempotency key must finish it' using errcode = 'BW006';
  end if;
  return null;
end
$$;
create constraint trigger check_finished after insert on idempotency.requests
  deferrable initially deferred for each row execute function idempotency.check_finished();

-- Answers are kept 30 days; natural keys protect for ever. Returns how many were forgotten.
create function idempotency.forget_old(at_most integer default 1000) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  forgotten integer;
begin
  delete from idempotency.requests where key in (
    select key from idempotency.requests where created_at < now() - interval '30 days' order by created_at limit at_most
    for update skip locked);
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;

reset role;
