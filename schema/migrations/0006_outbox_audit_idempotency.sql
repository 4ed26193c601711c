-- The shared base: written inside the transaction of whoever does the work, hence no subgraph's own.
set local role bridgework_owner;

create table outbox.events (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('evt'),
  type text not null,
  entity_type text not null,
  entity_id text not null,
  occurred_at timestamptz(3) not null default now(),
  -- The event's widest contract, named columns only; schema/src/events.ts projects what an endpoint may see.
  data jsonb not null,
  created_at timestamptz(3) not null default now(),
  fanned_out_at timestamptz(3)
);
-- A late commit brings a lower key: claim what is not fanned out yet, never "key > last".
create index not_fanned_out on outbox.events (key) where (fanned_out_at is null);
create index on outbox.events (entity_id);

create table audit.entries (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('aud'),
  occurred_at timestamptz(3) not null default clock_timestamp(),
  integration_id text,
  actor text not null,
  action text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
  entity text not null,
  entity_id text,
  result text not null check (result in ('OK', 'DENIED', 'REJECTED', 'FAILED', 'REPLAY')),
  error_message text,
  request_id text,
  -- More than one only where a gateway has summed up refusals of unknown tokens.
  occurrences integer not null default 1 check (occurrences > 0),
  -- The login that wrote the row; nobody can write as somebody else.
  written_by text not null default session_user
);
create index on audit.entries (integration_id, key);
create index on audit.entries (entity_id, key);
create index on audit.entries (action, key);

create table audit.unsealed (
  entry_key bigint primary key references audit.entries (key)
);

create table audit.seals (
  position bigint primary key check (position > 0),
  entry_key bigint not null unique references audit.entries (key),
  hash bytea not null,
  previous_hash bytea not null,
  sealed_at timestamptz(3) not null default clock_timestamp()
);

create table idempotency.requests (
  key bigint generated always as identity primary key,
  -- An integration's id, or the actor when a clinic user asks.
  principal text not null,
  idempotency_key text not null check (length(idempotency_key) between 1 and 255),
  operation text not null,
  -- SHA-256 hex of operation | JCS(input).
  fingerprint text not null,
  outcome jsonb,
  request_id text not null,
  written_by text not null default session_user,
  -- The transaction that began it; only that one may finish it.
  xid xid8 not null default pg_current_xact_id(),
  created_at timestamptz(3) not null default now(),
  unique (principal, idempotency_key)
);
create index on idempotency.requests (created_at);

reset role;
