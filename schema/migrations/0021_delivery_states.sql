-- A delivery goes the ways of its states and no other, whichever process writes.
set local role bridgework_owner;

create function integration.guard_new_delivery() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.state not in ('PENDING', 'HELD') or new.generation <> 1 or new.attempts <> 0 then
    raise exception 'a delivery begins PENDING or HELD, without attempts' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger a_guard_new_delivery before insert on integration.deliveries
  for each row execute function integration.guard_new_delivery();

create function integration.guard_delivery() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  replayed constant boolean := old.state in ('DEAD', 'DELIVERED') and new.state = 'PENDING';
begin
  if (new.id, new.event_id, new.event_type, new.entity_id, new.endpoint_key, new.seq, new.created_at)
    is distinct from (old.id, old.event_id, old.event_type, old.entity_id, old.endpoint_key, old.seq, old.created_at) then
    raise exception 'a delivery keeps its event, its endpoint and its number' using errcode = 'BW002';
  end if;
  if new.state <> old.state and not (old.state || '>' || new.state) = any (array[
    'PENDING>LEASED', 'PENDING>HELD', 'PENDING>DEAD', 'HELD>PENDING', 'HELD>DEAD',
    'LEASED>PENDING', 'LEASED>DELIVERED', 'LEASED>DEAD', 'DEAD>PENDING', 'DELIVERED>PENDING']) then
    raise exception 'a delivery cannot go from % to %', old.state, new.state using errcode = 'BW002';
  end if;
  if new.generation <> old.generation + replayed::integer then
    raise exception 'a replay, and nothing else, begins the next generation' using errcode = 'BW002';
  end if;
  if new.attempts < old.attempts and not replayed then
    raise exception 'attempts that were made stay made' using errcode = 'BW002';
  end if;
  if old.state = 'PENDING' and new.state = 'DEAD' and new.dead_reason <> 'unauthorised' then
    raise exception 'a delivery that nobody tries dies of a missing right alone' using errcode = 'BW002';
  end if;
  if new.state = old.state then
    if old.state = 'LEASED' and new.lease_token <> old.lease_token then
      raise exception 'a lease is not taken from its holder' using errcode = 'BW002';
    end if;
    if old.state in ('DEAD', 'DELIVERED') and (new.attempts, new.crashes, new.dead_reason, new.delivered_at)
      is distinct from (old.attempts, old.crashes, old.dead_reason, old.delivered_at) then
      raise exception 'how a delivery ended does not change' using errcode = 'BW002';
    end if;
  end if;
  return new;
end
$$;
create trigger a_guard_delivery before update on integration.deliveries
  for each row execute function integration.guard_delivery();

reset role;
