-- Who decides alone about a set that the same person handed in does so as everywhere else: in a clinic with one manager, a
-- day later by the database's own clock, for a typed reason, and managers are told.
set local role bridgework_owner;

create or replace function integration.name_first_submitter() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls(new.decided_by, new.decided_at, new.activation_requested_by, new.activated_by, new.activated_at) > 0
    or new.single_manager or new.approved_by_policy then
    raise exception 'a set is not decided when it is registered' using errcode = 'BW002';
  end if;
  new.submitted_by := array[new.registered_by];
  new.registered_at := clock_timestamp();
  return new;
end
$$;

create function integration.guard_set_decision() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  involved constant boolean := coalesce(new.decided_by = any (new.submitted_by), false);
begin
  if new.decided_by is distinct from old.decided_by and new.decided_by is not null then
    new.decided_at := clock_timestamp();
  end if;
  if old.status = new.status or new.status <> 'APPROVED' then
    if new.single_manager is distinct from old.single_manager then
      raise exception 'what was decided does not change' using errcode = 'BW002';
    end if;
    return new;
  end if;
  -- What a graph had broken may be judged anew; its earlier decision stands.
  if old.status = 'BROKEN' and new.decided_by is not distinct from old.decided_by then
    new.single_manager := old.single_manager;
    return new;
  end if;
  if involved and not (new.single_manager
    and integration.single_manager_may_decide(new.registered_at, new.decision_reason)) then
    raise exception 'another person approves than those who handed it in' using errcode = 'check_violation',
      schema = 'integration', table = 'document_sets', constraint = 'set_approved_by_another';
  end if;
  new.single_manager := involved;
  -- Of who registered it, the request for approval tells.
  if involved and new.decided_by <> new.registered_by then
    perform integration.raise_alert('single_manager.approved', 'document_set', new.id,
      format('%s approved alone the set of documents that the same person had handed in.', new.decided_by), interval '1 hour');
  end if;
  return new;
end
$$;
create trigger c_guard_set_decision before update on integration.document_sets
  for each row execute function integration.guard_set_decision();

-- The policy belongs to what is described and approved: who writes it in a draft has written in it.
create or replace function integration.guard_description(before integration.integrations, after integration.integrations)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  approved_part constant boolean := (after.name, after.purpose, after.business_justification, after.data_scope,
      after.requested_scopes, after.declared_apis, after.declared_events, after.ad_hoc, after.document_policy)
    is distinct from (before.name, before.purpose, before.business_justification, before.data_scope,
      before.requested_scopes, before.declared_apis, before.declared_events, before.ad_hoc, before.document_policy);
  changed constant boolean := approved_part or (after.risk_assessment, after.internal_owner, after.review_every_months)
    is distinct from (before.risk_assessment, before.internal_owner, before.review_every_months);
begin
  if before.status = 'DRAFT' and changed and after.editing_by is null then
    raise exception 'a draft is changed by somebody' using errcode = 'BW002';
  end if;
  if before.status = 'SUBMITTED' and changed or before.status <> 'DRAFT' and approved_part then
    raise exception 'what was submitted does not change' using errcode = 'BW002';
  end if;
end
$$;

reset role;
