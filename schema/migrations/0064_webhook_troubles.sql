-- A redrive of named deliveries; since when an endpoint is in trouble, so that its recovery is told once; which worker is
-- writing a mail about an alert.
set local role bridgework_owner;

alter table integration.redrives add column delivery_ids text[];
grant insert (delivery_ids) on integration.redrives to bridgework_integration;

alter table integration.webhook_endpoints add column troubled_since timestamptz(3);
grant update (troubled_since) on integration.webhook_endpoints to bridgework_workers;
create index troubled on integration.webhook_endpoints (key) where (troubled_since is not null);

alter table integration.alerts add column mailing_until timestamptz(3);
grant update (mailing_until) on integration.alerts to bridgework_workers;

create or replace function integration.guard_alert() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (to_jsonb(new) - array['notified_at', 'mailing_until', 'acknowledged_at', 'acknowledged_by'])
      <> (to_jsonb(old) - array['notified_at', 'mailing_until', 'acknowledged_at', 'acknowledged_by'])
    or old.notified_at is not null and new.notified_at is distinct from old.notified_at
    or old.acknowledged_at is not null
      and (new.acknowledged_at, new.acknowledged_by) is distinct from (old.acknowledged_at, old.acknowledged_by) then
    raise exception 'an alert keeps what it said' using errcode = 'BW002';
  end if;
  return new;
end
$$;

reset role;
