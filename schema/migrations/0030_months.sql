-- What is kept for a time only is kept by month, so that its end is the end of a table and no row is ever deleted:
-- events, deliveries and attempts, each by the month (UTC) of the event. docs/decisions/0007 says what that costs.
--
-- A unique constraint of a partitioned table must contain the month, so it holds inside a month alone. What holds across
-- months, and by what:
--   events.id, events.key, deliveries.id, .key  nobody but the owner may write them: defaults, identity, column grants
--   (event, endpoint), (delivery, lease)        unique with the month, and a trigger demands the event's own month
--   (endpoint, seq)                             integration.delivery_numbers, one row per delivery, unique over all months
set local role bridgework_owner;

-- The old tables step aside, with their indexes and constraints, whose names the new ones take. Their triggers are put up
-- again, whichever they are.
create schema moving;
create table moving.triggers as
  select tgname as name, pg_get_triggerdef(oid) as definition from pg_trigger
  where not tgisinternal
    and tgrelid in ('outbox.events'::regclass, 'integration.deliveries'::regclass, 'integration.delivery_attempts'::regclass);
alter table outbox.events set schema moving;
alter table integration.deliveries set schema moving;
alter table integration.delivery_attempts set schema moving;

create table outbox.events (
  key bigint generated always as identity,
  id text not null default base.new_id('evt'),
  type text not null constraint known_type check (type in ('appointment.created', 'appointment.updated',
    'appointment.completed', 'visit.completed', 'invoice.created', 'payment.received', 'installment.overdue',
    'inventory.low_stock', 'endpoint.test')),
  entity_type text not null,
  entity_id text not null,
  occurred_at timestamptz(3) not null default now(),
  -- The event's widest contract, named columns only; schema/src/events.ts projects what an endpoint may see.
  data jsonb not null,
  created_at timestamptz(3) not null default now(),
  fanned_out_at timestamptz(3),
  -- The month in which it was written. No CHECK compares it with created_at: rounded to milliseconds, the last instant of
  -- a month is the first of the next, and no event of ours may stop the clinic's own write.
  event_month date not null default date_trunc('month', now() at time zone 'UTC')::date,
  primary key (key, event_month),
  unique (id, event_month)
) partition by range (event_month);
-- A late commit brings a lower key: claim what is not fanned out yet, never "key > last".
create index not_fanned_out on outbox.events (key) where (fanned_out_at is null);
create index on outbox.events (entity_id);

create table integration.deliveries (
  key bigint generated always as identity,
  id text not null default base.new_id('dlv'),
  event_id text not null,
  event_type text not null,
  entity_id text not null,
  endpoint_key bigint not null references integration.webhook_endpoints (key),
  seq bigint not null,
  state text not null default 'PENDING' check (state in ('PENDING', 'LEASED', 'DELIVERED', 'DEAD', 'HELD')),
  next_at timestamptz(3) not null default now(),
  attempts integer not null default 0,
  -- Raised by a replay; the event id stays.
  generation integer not null default 1,
  lease_token uuid,
  lease_expires_at timestamptz(3),
  crashes smallint not null default 0,
  dead_reason text,
  delivered_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- The event's; the default is a guess that the trigger below checks.
  event_month date not null default date_trunc('month', now() at time zone 'UTC')::date,
  primary key (key, event_month),
  unique (id, event_month),
  unique (event_id, endpoint_key, event_month),
  check ((state = 'LEASED') = (lease_token is not null and lease_expires_at is not null)),
  check ((state = 'DEAD') = (dead_reason is not null)),
  check (state <> 'DELIVERED' or delivered_at is not null)
) partition by range (event_month);
create index due on integration.deliveries (endpoint_key, next_at) where (state = 'PENDING');
create index leased on integration.deliveries (lease_expires_at) where (state = 'LEASED');
create index held on integration.deliveries (endpoint_key) where (state = 'HELD');
create index on integration.deliveries (endpoint_key, entity_id, seq) where (state in ('PENDING', 'LEASED', 'HELD'));
create index on integration.deliveries (endpoint_key, seq);

-- Which numbers of an endpoint are taken, over all months. Written by a trigger; no login has any right on it.
create table integration.delivery_numbers (
  endpoint_key bigint not null,
  seq bigint not null,
  event_month date not null,
  primary key (endpoint_key, seq)
);

create table integration.delivery_attempts (
  key bigint generated always as identity,
  delivery_key bigint not null,
  endpoint_key bigint not null references integration.webhook_endpoints (key),
  generation integer not null,
  number integer not null,
  lease_token uuid not null,
  started_at timestamptz(3) not null,
  duration_ms integer not null,
  -- delivered, or the class of the failure: http-4xx, http-5xx, timeout, connect, tls, egress-refused …
  outcome text not null,
  http_status smallint,
  error text,
  -- At most 1 KiB, for managers only.
  response_prefix text,
  created_at timestamptz(3) not null default now(),
  event_month date not null default date_trunc('month', now() at time zone 'UTC')::date,
  primary key (key, event_month),
  unique (delivery_key, lease_token, event_month)
) partition by range (event_month);
create index on integration.delivery_attempts (endpoint_key, started_at);

-- Partitions -----------------------------------------------------------------------------------------------------------
-- The three share their bounds, always.
create function base.monthly_tables() returns regclass[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select array['outbox.events', 'integration.deliveries', 'integration.delivery_attempts']::regclass[] $$;

-- from_month and until_month (not part of it) are null for the partition that takes what fits nowhere else.
create function base.months_of(parent regclass)
returns table (part regclass, from_month date, until_month date)
  language sql stable
  set search_path = pg_catalog, pg_temp
  set datestyle = 'ISO, YMD'
as $$
  select child.oid::regclass,
    substring(pg_get_expr(child.relpartbound, child.oid) from 'FROM \(''(\d{4}-\d\d-\d\d)''\)')::date,
    substring(pg_get_expr(child.relpartbound, child.oid) from 'TO \(''(\d{4}-\d\d-\d\d)''\)')::date
  from pg_inherits join pg_class as child on child.oid = inhrelid where inhparent = parent
$$;

-- A trigger on TRUNCATE stands on one table alone, unlike those on rows, which partitions inherit.
create function base.add_partition(parent regclass, suffix text, bounds text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  part text;
begin
  select format('%I.%I', nspname, relname || '_' || suffix) into part
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = parent;
  execute format('create table %s partition of %s %s', part, parent, bounds);
  -- Also where an administrator has called this: who drops months must own them.
  execute format('alter table %s owner to bridgework_owner', part);
  execute format('create trigger refuse_truncate before truncate on %s
    for each statement execute function base.refuse_change()', part);
end
$$;

create function base.add_months(first_month date, last_month date) returns text[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
  set datestyle = 'ISO, YMD'
as $$
declare
  added text[] := '{}';
  wanted date;
  parent regclass;
begin
  for wanted in select generate_series(first_month, last_month, interval '1 month')::date loop
    foreach parent in array base.monthly_tables() loop
      continue when exists (select 1 from base.months_of(parent) as known
        where wanted >= known.from_month and wanted < known.until_month);
      perform base.add_partition(parent, to_char(wanted, 'YYYY_MM'),
        format('for values from (%L) to (%L)', wanted, (wanted + interval '1 month')::date));
      added := added || (parent::text || to_char(wanted, ' YYYY-MM'));
    end loop;
  end loop;
  return added;
end
$$;

-- Months that nobody made a partition for went to the default one; as nothing else is in there, it becomes theirs.
create function base.adopt_default() returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
  set datestyle = 'ISO, YMD'
as $$
declare
  first_month date;
  last_month date;
  parent regclass;
  part regclass;
begin
  select min(event_month), max(event_month) into first_month, last_month from (
    select event_month from outbox.events_rest
    union all select event_month from integration.deliveries_rest
    union all select event_month from integration.delivery_attempts_rest
  ) as stray;
  if first_month is null then
    return null;
  end if;
  foreach parent in array base.monthly_tables() loop
    if exists (select 1 from base.months_of(parent) as known
      where known.from_month <= last_month and known.until_month > first_month) then
      raise exception 'stray rows of % to % lie between months that have a partition', first_month, last_month;
    end if;
    select known.part into part from base.months_of(parent) as known where known.from_month is null;
    execute format('alter table %s detach partition %s', parent, part);
    execute format('alter table %s rename to %I', part, (select relname from pg_class where oid = parent)
      || to_char(first_month, '_YYYY_MM'));
    execute format('alter table %s attach partition %s for values from (%L) to (%L)', parent, part, first_month,
      (last_month + interval '1 month')::date);
    perform base.add_partition(parent, 'rest', 'default');
  end loop;
  return to_char(first_month, 'YYYY-MM') || ' to ' || to_char(last_month, 'YYYY-MM');
end
$$;

-- For workers, each day: last month, this one and the next have a place. Waits only a moment for locks, as others would
-- have to wait behind it: who is told lock_not_available tries again. Answers what it made.
create function base.ensure_partitions() returns text[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '250ms'
as $$
declare
  this_month constant date := date_trunc('month', now() at time zone 'UTC')::date;
  adopted text;
begin
  perform pg_advisory_xact_lock(hashtextextended('base.partitions', 0));
  adopted := base.adopt_default();
  return base.add_months((this_month - interval '1 month')::date, (this_month + interval '1 month')::date)
    || case when adopted is not null then array['from the default: ' || adopted] else '{}' end;
end
$$;

-- Rows move ------------------------------------------------------------------------------------------------------------
do $$
declare
  parent regclass;
begin
  foreach parent in array base.monthly_tables() loop
    perform base.add_partition(parent, 'rest', 'default');
  end loop;
  perform base.add_months(
    least((select date_trunc('month', min(created_at) at time zone 'UTC') from moving.events),
      date_trunc('month', now() at time zone 'UTC') - interval '1 month')::date,
    (date_trunc('month', now() at time zone 'UTC') + interval '1 month')::date);
end
$$;

insert into outbox.events (key, id, type, entity_type, entity_id, occurred_at, data, created_at, fanned_out_at,
    event_month)
  overriding system value
  select key, id, type, entity_type, entity_id, occurred_at, data, created_at, fanned_out_at,
    date_trunc('month', created_at at time zone 'UTC')::date
  from moving.events;
insert into integration.deliveries (key, id, event_id, event_type, entity_id, endpoint_key, seq, state, next_at, attempts,
    generation, lease_token, lease_expires_at, crashes, dead_reason, delivered_at, created_at, updated_at, event_month)
  overriding system value
  select d.key, d.id, d.event_id, d.event_type, d.entity_id, d.endpoint_key, d.seq, d.state, d.next_at, d.attempts,
    d.generation, d.lease_token, d.lease_expires_at, d.crashes, d.dead_reason, d.delivered_at, d.created_at, d.updated_at,
    date_trunc('month', coalesce(v.created_at, d.created_at) at time zone 'UTC')::date
  from moving.deliveries as d left join moving.events as v on v.id = d.event_id;
insert into integration.delivery_numbers (endpoint_key, seq, event_month)
  select endpoint_key, seq, event_month from integration.deliveries;
insert into integration.delivery_attempts (key, delivery_key, endpoint_key, generation, number, lease_token, started_at,
    duration_ms, outcome, http_status, error, response_prefix, created_at, event_month)
  overriding system value
  select a.key, a.delivery_key, a.endpoint_key, a.generation, a.number, a.lease_token, a.started_at, a.duration_ms,
    a.outcome, a.http_status, a.error, a.response_prefix, a.created_at, d.event_month
  from moving.delivery_attempts as a join integration.deliveries as d on d.key = a.delivery_key;

do $$
begin
  if (select count(*) from moving.events) <> (select count(*) from outbox.events)
    or (select count(*) from moving.deliveries) <> (select count(*) from integration.deliveries)
    or (select count(*) from moving.delivery_attempts) <> (select count(*) from integration.delivery_attempts) then
    raise exception 'a row was lost on the move';
  end if;
  -- What the old tables gave away stays given, also to rows that were rolled back.
  perform setval('outbox.events_key_seq', nextval('moving.events_key_seq'));
  perform setval('integration.deliveries_key_seq', nextval('moving.deliveries_key_seq'));
  perform setval('integration.delivery_attempts_key_seq', nextval('moving.delivery_attempts_key_seq'));
end
$$;
do $$
declare
  definition text;
begin
  for definition in select moved.definition from moving.triggers as moved order by moved.name loop
    execute definition;
  end loop;
end
$$;
drop schema moving cascade;
analyze outbox.events, integration.deliveries, integration.delivery_attempts, integration.delivery_numbers;

-- Guards ---------------------------------------------------------------------------------------------------------------
create or replace function outbox.guard_event() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.key, new.id, new.type, new.entity_type, new.entity_id, new.occurred_at, new.created_at, new.event_month)
    is distinct from (old.key, old.id, old.type, old.entity_type, old.entity_id, old.occurred_at, old.created_at,
      old.event_month)
    or (new.data is distinct from old.data and pg_trigger_depth() < 2) then
    raise exception 'an event does not change' using errcode = 'BW001';
  end if;
  return new;
end
$$;

-- Events, deliveries and attempts end together, by month: a foreign key between them would stand in the way of that, so
-- triggers see to it. Nothing they look for can vanish meanwhile but with its whole month.
create function integration.note_delivery() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select 1 from outbox.events as event
    where event.id = new.event_id and event.event_month = new.event_month) then
    raise exception 'a delivery is of an event and kept in its month' using errcode = 'foreign_key_violation';
  end if;
  insert into integration.delivery_numbers (endpoint_key, seq, event_month)
    values (new.endpoint_key, new.seq, new.event_month);
  return null;
end
$$;
create trigger note_delivery after insert on integration.deliveries
  for each row execute function integration.note_delivery();

create function integration.check_attempt() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select 1 from integration.deliveries as delivery where delivery.key = new.delivery_key
    and delivery.event_month = new.event_month and delivery.endpoint_key = new.endpoint_key) then
    raise exception 'an attempt is one of a delivery and kept in its month' using errcode = 'foreign_key_violation';
  end if;
  return null;
end
$$;
create trigger check_attempt after insert on integration.delivery_attempts
  for each row execute function integration.check_attempt();

-- A number outlives its delivery by a day or so, never the other way round.
create function integration.guard_number() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' or exists (select 1 from integration.deliveries as delivery
    where delivery.endpoint_key = old.endpoint_key and delivery.seq = old.seq) then
    raise exception 'a number stays with its delivery' using errcode = 'BW001';
  end if;
  return old;
end
$$;
create trigger guard_number before update or delete on integration.delivery_numbers
  for each row execute function integration.guard_number();
create trigger refuse_truncate before truncate on integration.delivery_numbers
  for each statement execute function base.refuse_change();

-- Rights: as before, but who adds a row no longer chooses its key, id or instants. ---------------------------------------
grant select on outbox.events to bridgework_integration, bridgework_workers;
grant update (fanned_out_at) on outbox.events to bridgework_workers;
grant select on integration.deliveries, integration.delivery_attempts to bridgework_integration, bridgework_workers;
grant update (state, next_at, attempts, generation, crashes, dead_reason, updated_at) on integration.deliveries
  to bridgework_integration;
grant insert (event_id, event_type, entity_id, endpoint_key, seq, state, next_at, event_month) on integration.deliveries
  to bridgework_workers;
grant update (state, next_at, attempts, generation, lease_token, lease_expires_at, crashes, dead_reason, delivered_at,
  updated_at) on integration.deliveries to bridgework_workers;
grant insert (delivery_key, endpoint_key, generation, number, lease_token, started_at, duration_ms, outcome, http_status,
  error, response_prefix, event_month) on integration.delivery_attempts to bridgework_workers;
grant usage on schema base to bridgework_workers;
grant execute on function base.ensure_partitions() to bridgework_workers;

reset role;
