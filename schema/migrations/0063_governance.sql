-- Nobody decides what they asked for, wrote or submitted, and no sensitive scope works without a decision that is still
-- good: held by the database, whichever process writes. The instants that count are the database's own.
set local role bridgework_owner;

-- One manager ------------------------------------------------------------------------------------------------------------
alter table integration.control_state
  add column all_paused_by text,
  add column single_manager boolean not null default false,
  add column single_manager_since timestamptz(3);

-- Written by the registry at its start, from its setting SINGLE_MANAGER; while it is on, each start is audited, and so is
-- each change. Managers are told when it is turned on.
create function integration.record_single_manager(p_on boolean) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  changed boolean;
begin
  update integration.control_state set single_manager = p_on,
      single_manager_since = case when p_on then clock_timestamp() end
    where single_manager <> p_on;
  changed := found;
  if changed or p_on then
    perform audit.append('system integration.start', null, 'setting.apply', 'setting',
      'SINGLE_MANAGER=' || p_on::text, 'OK', null, base.new_id('req'));
  end if;
  if changed and p_on then
    perform integration.raise_alert('single_manager.enabled', 'setting', 'SINGLE_MANAGER',
      'One manager alone may approve, after 24 hours and with a typed reason. Turn SINGLE_MANAGER off unless this clinic has one manager.',
      interval '1 hour');
  end if;
end
$$;

-- True when one person may decide what the same person asked for at this instant.
create function integration.single_manager_may_decide(p_asked_at timestamptz, p_reason text) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select single_manager and clock_timestamp() >= p_asked_at + interval '24 hours' and trim(coalesce(p_reason, '')) <> ''
    from integration.control_state
$$;

-- Approvals --------------------------------------------------------------------------------------------------------------
alter table integration.approvals
  add column withdrawn_by text,
  add column withdrawn_at timestamptz(3),
  add column withdrawn_reason text,
  -- Only what is sensitive has to end; the trigger below knows which scopes are.
  drop constraint approved_scope_expires;

create unique index one_open_request on integration.approvals (integration_key, scope)
  where (kind = 'SCOPE' and status = 'PENDING');

create function integration.guard_new_approval() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls(new.withdrawn_by, new.withdrawn_at, new.withdrawn_reason) > 0 or new.single_manager then
    raise exception 'a request is not decided when it is made' using errcode = 'BW002';
  end if;
  new.requested_at := clock_timestamp();
  return new;
end
$$;
create trigger b_guard_new_approval before insert on integration.approvals
  for each row execute function integration.guard_new_approval();

create or replace function integration.guard_approval() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  subject integration.integrations;
  involved boolean;
begin
  if (new.id, new.integration_key, new.kind, new.scope, new.document_set_id, new.justification, new.requested_by,
      new.requested_at)
    is distinct from (old.id, old.integration_key, old.kind, old.scope, old.document_set_id, old.justification,
      old.requested_by, old.requested_at)
    or old.status <> 'PENDING' and (new.decided_by, new.decided_at, new.decision_reason, new.expires_at, new.single_manager)
      is distinct from (old.decided_by, old.decided_at, old.decision_reason, old.expires_at, old.single_manager)
    or (new.status <> 'WITHDRAWN' or old.status = 'WITHDRAWN')
      and (new.withdrawn_by, new.withdrawn_at, new.withdrawn_reason)
        is distinct from (old.withdrawn_by, old.withdrawn_at, old.withdrawn_reason) then
    raise exception 'what was asked and decided does not change' using errcode = 'BW002';
  end if;
  if new.status = old.status then
    return new;
  end if;
  if new.status = 'WITHDRAWN' then
    if new.withdrawn_by is null then
      raise exception 'somebody withdraws' using errcode = 'BW002';
    end if;
    new.withdrawn_at := clock_timestamp();
    return new;
  end if;
  new.decided_at := clock_timestamp();
  if new.status <> 'APPROVED' then
    return new;
  end if;
  if new.kind = 'SCOPE' then
    if old.expires_at is not null and (new.expires_at is null or new.expires_at > old.expires_at) then
      raise exception 'no more is approved than was asked for' using errcode = 'BW007';
    end if;
    if new.scope = any (integration.sensitive_scopes())
      and (new.expires_at is null or not new.expires_at between now() and now() + interval '25 months') then
      raise exception 'a sensitive scope is approved until a day, 25 months ahead at most' using errcode = 'BW007';
    end if;
  end if;
  select * into subject from integration.integrations where key = new.integration_key;
  -- What belongs to the description of an integration is not approved by anybody who wrote it.
  involved := new.decided_by = new.requested_by or new.kind <> 'DOCUMENT_SET' and subject.status in ('DRAFT', 'SUBMITTED')
    and new.decided_by = any (subject.edited_by || subject.created_by || subject.submitted_by);
  if involved and not (new.single_manager
    and integration.single_manager_may_decide(new.requested_at, new.decision_reason)) then
    raise exception 'another person approves than the one who asked' using errcode = 'check_violation',
      schema = 'integration', table = 'approvals', constraint = 'approved_by_another';
  end if;
  new.single_manager := involved;
  if involved then
    perform integration.raise_alert('single_manager.approved', 'approval', new.id,
      format('%s approved alone what the same person had asked for: %s.', new.decided_by,
        coalesce(new.scope, lower(replace(new.kind, '_', ' ')))), interval '1 hour');
  end if;
  return new;
end
$$;

-- What works now ---------------------------------------------------------------------------------------------------------
-- Of the scopes given those that the integration may use at that instant: a sensitive one while an approval of it is good.
create function integration.effective_scopes(
  p_integration_key bigint, p_scopes text[], p_at timestamptz default clock_timestamp()
) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(wanted.scope order by wanted.place), '{}')
    from unnest(p_scopes) with ordinality as wanted(scope, place)
    where wanted.scope <> all (integration.sensitive_scopes()) or exists (
      select from integration.approvals as approval
      where approval.integration_key = p_integration_key and approval.kind = 'SCOPE' and approval.scope = wanted.scope
        and approval.status = 'APPROVED' and approval.expires_at > p_at)
$$;

-- When the first of these scopes ends; null when none of them is sensitive.
create function integration.scopes_end_at(
  p_integration_key bigint, p_scopes text[], p_at timestamptz default clock_timestamp()
) returns timestamptz
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select min(granted.until) from (
    select max(approval.expires_at) as until from integration.approvals as approval
    where approval.integration_key = p_integration_key and approval.kind = 'SCOPE' and approval.status = 'APPROVED'
      and approval.scope = any (p_scopes) and approval.scope = any (integration.sensitive_scopes())
      and approval.expires_at > p_at
    group by approval.scope) as granted
$$;

-- An overdue review alerts at first; this many days after its day it stops the integration.
create function integration.review_is_overdue(p_due_on date, p_today date) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$ select p_due_on + 14 < p_today $$;

-- Integrations -----------------------------------------------------------------------------------------------------------
alter table integration.integrations
  -- Who has written in the draft. Given as editing_by with each change; the trigger files it here.
  add column editing_by text,
  add column edited_by text[] not null default '{}',
  add column paused_by text,
  add column end_reason text,
  add column reviewed_by text,
  add column reviewed_at timestamptz(3),
  add column review_note text;

create or replace function integration.guard_integration() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.ad_hoc and not exists (select 1 from integration.environment where name = 'sandbox') then
    raise exception 'query text is for the sandbox alone' using errcode = 'BW007';
  end if;
  if tg_op = 'INSERT' then
    if num_nonnulls(new.submitted_by, new.submitted_at, new.decided_by, new.decided_at) > 0
      or new.single_manager or new.approved_scopes <> '{}' or new.edited_by <> '{}' then
      raise exception 'a draft is neither submitted nor decided' using errcode = 'BW002';
    end if;
    new.editing_by := null;
    new.updated_at := now();
    return new;
  end if;
  if (new.id, new.created_by, new.created_at) is distinct from (old.id, old.created_by, old.created_at)
    or old.submitted_by is not null and new.submitted_by is distinct from old.submitted_by
    or old.decided_by is not null and new.decided_by is distinct from old.decided_by
    or new.edited_by is distinct from old.edited_by then
    raise exception 'who made, wrote, submitted and decided an integration does not change' using errcode = 'BW002';
  end if;
  perform integration.guard_description(old, new);
  if old.status = 'DRAFT' and new.editing_by is not null and new.editing_by <> all (old.edited_by) then
    new.edited_by := old.edited_by || new.editing_by;
  end if;
  new.editing_by := null;
  new.submitted_at := case when old.status = 'DRAFT' and new.status = 'SUBMITTED' then clock_timestamp()
    else old.submitted_at end;
  if new.status <> old.status and new.status in ('ACTIVE', 'REJECTED') and new.decided_by is null then
    raise exception 'an integration is approved or rejected by somebody' using errcode = 'BW002';
  end if;
  if old.status = 'SUBMITTED' and new.status <> old.status then
    new.decided_at := clock_timestamp();
    new.single_manager := integration.decides_alone(old, new);
  elsif (new.decided_by, new.decided_at, new.single_manager) is distinct from (old.decided_by, old.decided_at, old.single_manager) then
    raise exception 'what is submitted is decided, once' using errcode = 'BW002';
  end if;
  perform integration.guard_new_scopes(old, new);
  new.updated_at := now();
  return new;
end
$$;

-- A draft is written by somebody who says so; afterwards what was described stays.
create function integration.guard_description(before integration.integrations, after integration.integrations) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  approved_part constant boolean := (after.name, after.purpose, after.business_justification, after.data_scope,
      after.requested_scopes, after.declared_apis, after.declared_events, after.ad_hoc)
    is distinct from (before.name, before.purpose, before.business_justification, before.data_scope,
      before.requested_scopes, before.declared_apis, before.declared_events, before.ad_hoc);
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

-- True when a single manager decides what the same person made, wrote or submitted; raises when that may not be.
create function integration.decides_alone(before integration.integrations, after integration.integrations) returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if after.decided_by <> all (before.edited_by || before.created_by || before.submitted_by) then
    return false;
  end if;
  if not (after.single_manager and integration.single_manager_may_decide(before.submitted_at, after.decision_reason)) then
    raise exception 'another person decides than those who made, wrote or submitted it' using errcode = 'check_violation',
      schema = 'integration', table = 'integrations', constraint = 'decided_by_another';
  end if;
  if after.status = 'ACTIVE' then
    perform integration.raise_alert('single_manager.approved', 'integration', after.id,
      format('%s approved alone the integration that the same person had submitted.', after.decided_by), interval '1 hour');
  end if;
  return true;
end
$$;

-- A scope becomes approved with the integration that asked for it, or by a decision of its own.
create function integration.guard_new_scopes(before integration.integrations, after integration.integrations) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  added text;
begin
  for added in select unnest(after.approved_scopes) except select unnest(before.approved_scopes) loop
    if before.status = 'SUBMITTED' and after.status = 'ACTIVE' and added = any (before.requested_scopes)
      and added <> all (integration.sensitive_scopes()) then
      continue;
    end if;
    if after.status in ('ACTIVE', 'PAUSED') and exists (select from integration.approvals as approval
        where approval.integration_key = after.key and approval.kind = 'SCOPE' and approval.scope = added
          and approval.status = 'APPROVED' and (approval.expires_at is null or approval.expires_at > now())) then
      continue;
    end if;
    raise exception 'the scope % was not approved', added using errcode = 'BW007';
  end loop;
end
$$;

-- The end of an integration is the end of its tokens, each of them audited, and of what it still asked for.
create or replace function integration.revoke_tokens_of_deprecated() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  ended text;
begin
  for ended in
    update integration.tokens set status = 'REVOKED', revoked_at = clock_timestamp(),
      revoked_by = 'system integration.deprecate', revoked_reason = 'the integration was deprecated'
    where integration_key = new.key and status = 'ACTIVE' returning id
  loop
    perform audit.append('system integration.deprecate', new.id, 'token.revoke', 'token', ended, 'OK', null,
      base.new_id('req'));
  end loop;
  update integration.approvals set status = 'WITHDRAWN', decided_by = 'system integration.deprecate',
      decided_at = clock_timestamp(), withdrawn_by = 'system integration.deprecate',
      withdrawn_reason = 'the integration was deprecated'
    where integration_key = new.key and status = 'PENDING';
  return null;
end
$$;

-- Rotation ---------------------------------------------------------------------------------------------------------------
create unique index one_successor on integration.tokens (rotated_from_key) where (rotated_from_key is not null);

create function integration.guard_rotation() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  predecessor integration.tokens;
begin
  select * into predecessor from integration.tokens where key = new.rotated_from_key;
  if predecessor.integration_key <> new.integration_key or not new.scopes <@ predecessor.scopes then
    raise exception 'a token is rotated within its integration and its scopes' using errcode = 'BW007';
  end if;
  if predecessor.status = 'ACTIVE' and (predecessor.expires_at is null or predecessor.expires_at > now() + interval '168 hours') then
    raise exception 'two tokens overlap for seven days at most' using errcode = 'BW007';
  end if;
  return new;
end
$$;
create trigger guard_rotation before insert on integration.tokens
  for each row when (new.rotated_from_key is not null) execute function integration.guard_rotation();

-- Each day ---------------------------------------------------------------------------------------------------------------
-- Tells managers of reviews whose day is past; pauses the integration when it is past for too long.
create function integration.check_reviews(p_today date, out alerted integer, out paused integer)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  late record;
begin
  alerted := 0;
  paused := 0;
  for late in
    select key, id, name, review_due_on from integration.integrations
    where status = 'ACTIVE' and review_due_on < p_today order by key for update
  loop
    if integration.review_is_overdue(late.review_due_on, p_today) then
      update integration.integrations set status = 'PAUSED', paused_by = 'system reviews.check',
        pause_reason = format('The review that was due on %s was not done.', late.review_due_on) where key = late.key;
      perform audit.append('system reviews.check', late.id, 'integration.pause', 'integration', late.id, 'OK', null,
        base.new_id('req'));
      perform integration.raise_alert('review.missed', 'integration', late.id,
        format('%s was paused: its review was due on %s. Complete the review to let it go on.', late.name,
          late.review_due_on), interval '20 hours');
      paused := paused + 1;
    else
      perform integration.raise_alert('review.overdue', 'integration', late.id,
        format('The review of %s was due on %s. Without it the integration is paused 15 days after that.', late.name,
          late.review_due_on), interval '20 hours');
      alerted := alerted + 1;
    end if;
  end loop;
end
$$;

-- Tells managers of tokens and sensitive scopes that end within 14 days: when that begins, and every six days again.
-- Returns how many there are.
create function integration.notice_expiries(p_at timestamptz, out tokens integer, out scopes integer)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  select count(integration.raise_alert('token.expiring', 'token', token.id,
      format('The token %s of %s expires on %s. Rotate it, or its partner stops.', token.name, owner.name,
        to_char(token.expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')), interval '6 days')) into tokens
    from integration.tokens as token join integration.integrations as owner on owner.key = token.integration_key
    where token.status = 'ACTIVE' and owner.status in ('ACTIVE', 'PAUSED')
      and token.expires_at > p_at and token.expires_at <= p_at + interval '14 days'
      and not exists (select from integration.tokens as successor where successor.rotated_from_key = token.key);
  select count(integration.raise_alert('scope.expiring', 'integration', ending.id || ' ' || ending.scope,
      format('The approval of %s for %s ends on %s. Ask for it again, or its partner stops.', ending.scope, ending.name,
        to_char(ending.until at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')), interval '6 days')) into scopes
    from (
      select owner.id, owner.name, approval.scope, max(approval.expires_at) as until
      from integration.approvals as approval join integration.integrations as owner on owner.key = approval.integration_key
      where approval.kind = 'SCOPE' and approval.status = 'APPROVED' and approval.scope = any (owner.approved_scopes)
        and owner.status in ('ACTIVE', 'PAUSED')
      group by owner.id, owner.name, approval.scope
    ) as ending
    where ending.until > p_at and ending.until <= p_at + interval '14 days';
end
$$;

grant execute on function integration.record_single_manager(boolean) to bridgework_integration;
grant execute on function integration.effective_scopes(bigint, text[], timestamptz),
  integration.scopes_end_at(bigint, text[], timestamptz), integration.review_is_overdue(date, date)
  to bridgework_integration, bridgework_workers;
grant execute on function integration.sensitive_scopes() to bridgework_workers;
grant update (all_paused_by) on integration.control_state to bridgework_integration;
grant execute on function integration.check_reviews(date), integration.notice_expiries(timestamptz) to bridgework_workers;

reset role;
