-- Nobody approves a URL that they chose themselves. In a clinic with one manager the same person may, a day later by the
-- database's own clock, for a typed reason, and managers are told: as everywhere else something is approved.
set local role bridgework_owner;

alter table integration.webhook_endpoints
  add column url_set_at timestamptz(3) not null default clock_timestamp(),
  add column approval_note text;

create function integration.guard_endpoint_approval() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  chosen_by constant text := coalesce(new.url_set_by, new.created_by);
begin
  if tg_op = 'INSERT' then
    if num_nonnulls(new.approved_by, new.approval_note) > 0 then
      raise exception 'an endpoint is not approved when it is made' using errcode = 'BW002';
    end if;
    new.url_set_at := clock_timestamp();
    return new;
  end if;
  if (new.url, chosen_by) is distinct from (old.url, coalesce(old.url_set_by, old.created_by)) then
    -- What was approved was another URL, or somebody else's word for it.
    new.approved_by := null;
    new.approval_note := null;
    new.url_set_at := clock_timestamp();
    return new;
  end if;
  new.url_set_at := old.url_set_at;
  if new.approved_by is not distinct from old.approved_by or new.approved_by is null then
    return new;
  end if;
  if new.approved_by = chosen_by then
    if not integration.single_manager_may_decide(new.url_set_at, new.approval_note) then
      raise exception 'another person approves a URL than the one who chose it' using errcode = 'check_violation',
        schema = 'integration', table = 'webhook_endpoints', constraint = 'url_approved_by_another';
    end if;
    perform integration.raise_alert('single_manager.approved', 'webhook_endpoint', new.id,
      format('%s approved alone the URL that the same person had chosen.', new.approved_by), interval '1 hour');
  end if;
  return new;
end
$$;
revoke all on function integration.guard_endpoint_approval() from public;
create trigger c_guard_endpoint_approval before insert or update on integration.webhook_endpoints
  for each row execute function integration.guard_endpoint_approval();

reset role;
