-- What integrations asked of the REST API in the last days, for their own eyes: to find out by a Request-Id what became of it.
-- No path, query, body or address, none of which is known to be free of personal data.
set local role bridgework_owner;

create table integration.rest_requests (
  key bigint generated always as identity primary key,
  id text not null unique,
  integration_key bigint not null references integration.integrations (key),
  token_key bigint not null references integration.tokens (key),
  method text not null,
  -- As the reference writes it: /api/v1/appointments/{id}.
  route text not null,
  status smallint not null check (status between 100 and 599),
  -- Code of the problem that was answered.
  problem text,
  received_at timestamptz(3) not null,
  duration_ms integer not null check (duration_ms >= 0)
);
create index on integration.rest_requests (integration_key, received_at desc, id desc);
create index on integration.rest_requests (received_at);
grant select, insert on integration.rest_requests to bridgework_integration;

-- Requests of more than seven days ago.
create function integration.forget_rest_requests(at_most integer default 1000) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  forgotten integer;
begin
  delete from integration.rest_requests where key in (
    select key from integration.rest_requests where received_at < now() - interval '7 days'
    limit at_most for update skip locked);
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;
grant execute on function integration.forget_rest_requests(integer) to bridgework_workers;

reset role;
