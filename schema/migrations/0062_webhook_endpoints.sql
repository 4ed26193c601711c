-- Endpoints: when the next challenge is due and what became of the last one, who chose the URL, what a manager let go
-- when it was resumed. Deliveries: a manager may let go what was held, and what nobody waits for any more ends. Events: one
-- that is sent to try an endpoint says so.
set local role bridgework_owner;

alter table integration.webhook_endpoints
  add column verification_attempts integer not null default 0,
  -- While a worker asks, the end of its turn: another worker takes over after that.
  add column verification_next_at timestamptz(3) not null default now(),
  add column verification_given_up_at timestamptz(3),
  -- Whoever chose the URL that is there now; empty: created_by. The approver is another person.
  add column url_set_by text,
  -- Deliveries made before skip_before that have waited since before skip_decided_at end as `skipped`; both are emptied
  -- once none is left.
  add column skip_before timestamptz(3),
  add column skip_decided_at timestamptz(3),
  add constraint skip_is_whole check ((skip_before is null) = (skip_decided_at is null));
create index to_verify on integration.webhook_endpoints (verification_attempts, verification_next_at)
  where (status = 'PENDING_VERIFICATION' and verified_at is null and verification_given_up_at is null);

grant update (verification_attempts, verification_next_at, verification_given_up_at, skip_before,
  skip_decided_at)
  on integration.webhook_endpoints to bridgework_workers;

-- A redrive walks dead letters by key.
create index dead on integration.deliveries (key) where (state = 'DEAD');

-- Of what an endpoint is told, nothing is about a real patient when it was only sent to try the endpoint.
alter table outbox.events add column is_test boolean not null default false;

create or replace function outbox.guard_event() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.key, new.id, new.type, new.entity_type, new.entity_id, new.occurred_at, new.created_at, new.event_month,
      new.is_test)
    is distinct from (old.key, old.id, old.type, old.entity_type, old.entity_id, old.occurred_at, old.created_at,
      old.event_month, old.is_test)
    or (new.data is distinct from old.data and pg_trigger_depth() < 2) then
    raise exception 'an event does not change' using errcode = 'BW001';
  end if;
  return new;
end
$$;

-- An event for one endpoint alone, numbered and delivered as any other. It is fanned out when it is written, so that no
-- dispatcher makes anything of it for somebody else.
create function integration.emit_test_event(endpoint_id text, type text, entity_type text, entity_id text, data jsonb)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  endpoint integration.webhook_endpoints;
  event outbox.events;
  delivery_id text;
begin
  update integration.webhook_endpoints as e set last_seq = e.last_seq + 1
    where e.id = endpoint_id and e.status = 'ACTIVE' and e.deleted_at is null
    returning * into endpoint;
  if endpoint.key is null then
    return null;
  end if;
  insert into outbox.events (type, entity_type, entity_id, data, is_test, fanned_out_at)
    values (type, entity_type, entity_id, data, true, clock_timestamp()) returning * into event;
  insert into integration.deliveries (event_id, event_type, entity_id, event_month, endpoint_key, seq)
    values (event.id, event.type, event.entity_id, event.event_month, endpoint.key, endpoint.last_seq)
    returning id into delivery_id;
  return delivery_id;
end
$$;
grant execute on function integration.emit_test_event(text, text, text, text, jsonb) to bridgework_integration;

create or replace function integration.guard_delivery() returns trigger
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
  if old.state in ('PENDING', 'HELD') and new.state = 'DEAD'
    and new.dead_reason not in ('unauthorised', 'skipped', 'deleted') then
    raise exception 'a delivery that nobody tries dies of a missing right, a decision or its endpoint''s end alone'
      using errcode = 'BW002';
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

reset role;
