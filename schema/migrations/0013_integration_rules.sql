-- What the registry holds to. Control changes (integrations, approvals, tokens, documents) reach every gateway: each
-- statement on these rare tables raises the generation and notifies; nothing else in the database notifies.
set local role bridgework_owner;

create function integration.raise_generation() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  raised bigint;
begin
  update integration.control_state set generation = generation + 1, changed_at = clock_timestamp()
    returning generation into raised;
  perform pg_notify('bridgework_control', raised::text);
  return null;
end
$$;
create trigger raise_generation after insert or update or delete on integration.integrations
  for each statement execute function integration.raise_generation();
create trigger raise_generation after insert or update or delete on integration.approvals
  for each statement execute function integration.raise_generation();
create trigger raise_generation after insert or update or delete on integration.tokens
  for each statement execute function integration.raise_generation();
create trigger raise_generation after insert or update or delete on integration.document_sets
  for each statement execute function integration.raise_generation();
create trigger raise_generation after insert or update or delete on integration.documents
  for each statement execute function integration.raise_generation();

create function integration.guard_control_state() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.generation < old.generation then
    raise exception 'a generation never goes back' using errcode = 'BW002';
  end if;
  if (new.all_paused_at, new.all_paused_reason) is distinct from (old.all_paused_at, old.all_paused_reason) then
    new.generation := old.generation + 1;
    new.changed_at := clock_timestamp();
    perform pg_notify('bridgework_control', new.generation::text);
  end if;
  return new;
end
$$;
create trigger guard_control_state before update on integration.control_state
  for each row execute function integration.guard_control_state();

-- Integrations -------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on integration.integrations
  for each row when (new.status <> 'DRAFT') execute function base.guard_status('DRAFT');
create trigger a_guard_status before update on integration.integrations
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('DRAFT',
    'DRAFT>SUBMITTED,SUBMITTED>ACTIVE,SUBMITTED>REJECTED,ACTIVE>PAUSED,PAUSED>ACTIVE,ACTIVE>DEPRECATED,PAUSED>DEPRECATED');

create function integration.guard_integration() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    if (new.id, new.created_by, new.created_at) is distinct from (old.id, old.created_by, old.created_at)
      or old.submitted_by is not null and new.submitted_by is distinct from old.submitted_by
      or old.decided_by is not null and new.decided_by is distinct from old.decided_by then
      raise exception 'who made, submitted and decided an integration does not change' using errcode = 'BW002';
    end if;
    if new.status <> old.status and new.status in ('ACTIVE', 'REJECTED') and new.decided_by is null then
      raise exception 'an integration is approved or rejected by somebody' using errcode = 'BW002';
    end if;
  end if;
  if new.ad_hoc and not exists (select 1 from integration.environment where name = 'sandbox') then
    raise exception 'query text is for the sandbox alone' using errcode = 'BW007';
  end if;
  new.updated_at := now();
  return new;
end
$$;
create trigger b_guard_integration before insert or update on integration.integrations
  for each row execute function integration.guard_integration();
create trigger refuse_delete before delete on integration.integrations
  for each row execute function base.refuse_change();

-- The end of an integration is the end of its tokens.
create function integration.revoke_tokens_of_deprecated() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update integration.tokens set status = 'REVOKED', revoked_at = clock_timestamp(),
      revoked_by = 'system integration.deprecate', revoked_reason = 'the integration was deprecated'
    where integration_key = new.key and status = 'ACTIVE';
  return null;
end
$$;
create trigger revoke_tokens after update on integration.integrations
  for each row when (new.status = 'DEPRECATED' and old.status <> 'DEPRECATED')
  execute function integration.revoke_tokens_of_deprecated();

-- Approvals ----------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on integration.approvals
  for each row when (new.status <> 'PENDING') execute function base.guard_status('PENDING');
create trigger a_guard_status before update on integration.approvals
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('PENDING',
    'PENDING>APPROVED,PENDING>REJECTED,PENDING>WITHDRAWN,APPROVED>WITHDRAWN');

create function integration.guard_approval() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.id, new.integration_key, new.kind, new.scope, new.document_set_id, new.justification, new.requested_by,
      new.requested_at)
    is distinct from (old.id, old.integration_key, old.kind, old.scope, old.document_set_id, old.justification,
      old.requested_by, old.requested_at)
    or old.status <> 'PENDING' and (new.decided_by, new.expires_at, new.single_manager)
      is distinct from (old.decided_by, old.expires_at, old.single_manager) and new.status <> 'WITHDRAWN' then
    raise exception 'what was asked and decided does not change' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger b_guard_approval before update on integration.approvals
  for each row execute function integration.guard_approval();
create trigger refuse_delete before delete on integration.approvals
  for each row execute function base.refuse_change();

-- Tokens -------------------------------------------------------------------------------------------------------------
-- The sensitive scopes of schema/src/scopes.ts (a test compares them).
create function integration.sensitive_scopes() returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$ select array['read:patients:identified', 'read:financials', 'write:payments', 'write:appointments', 'write:imaging'] $$;

create function integration.guard_token() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  owner integration.integrations;
  wanted text;
  approved_until timestamptz;
begin
  select * into owner from integration.integrations where key = new.integration_key for share;
  if owner.status <> 'ACTIVE' then
    raise exception 'only an ACTIVE integration gets a token' using errcode = 'BW007';
  end if;
  if not new.scopes <@ owner.approved_scopes then
    raise exception 'a token carries approved scopes only' using errcode = 'BW007';
  end if;
  if new.status <> 'ACTIVE' then
    raise exception 'a token begins ACTIVE' using errcode = 'BW002';
  end if;
  foreach wanted in array new.scopes loop
    continue when not wanted = any (integration.sensitive_scopes());
    select max(approval.expires_at) into approved_until from integration.approvals as approval
      where approval.integration_key = new.integration_key and approval.kind = 'SCOPE'
        and approval.scope = wanted and approval.status = 'APPROVED' and approval.expires_at > now();
    if approved_until is null then
      raise exception 'the scope % needs an approval that is still good', wanted using errcode = 'BW007';
    end if;
    if new.expires_at is null or new.expires_at > approved_until then
      raise exception 'a token with % expires no later than the approval', wanted using errcode = 'BW007';
    end if;
  end loop;
  return new;
end
$$;
create trigger guard_token before insert on integration.tokens
  for each row execute function integration.guard_token();

create trigger a_guard_status before update on integration.tokens
  for each row when (old.status is distinct from new.status) execute function base.guard_status('ACTIVE', 'ACTIVE>REVOKED');

-- After issue a token can only lose: be renamed, bound to addresses, expire earlier, be revoked.
create function integration.guard_token_change() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.id, new.integration_key, new.public_id, new.secret_hash, new.pepper_id, new.environment, new.scopes,
      new.rotated_from_key, new.created_by, new.created_at)
    is distinct from (old.id, old.integration_key, old.public_id, old.secret_hash, old.pepper_id, old.environment,
      old.scopes, old.rotated_from_key, old.created_by, old.created_at) then
    raise exception 'a token does not change' using errcode = 'BW002';
  end if;
  if old.expires_at is not null and (new.expires_at is null or new.expires_at > old.expires_at) then
    raise exception 'a token''s life is not prolonged' using errcode = 'BW007';
  end if;
  if old.status = 'REVOKED' and (new.revoked_at, new.revoked_by, new.revoked_reason)
    is distinct from (old.revoked_at, old.revoked_by, old.revoked_reason) then
    raise exception 'a revocation does not change' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger b_guard_token_change before update on integration.tokens
  for each row execute function integration.guard_token_change();
create trigger refuse_delete before delete on integration.tokens
  for each row execute function base.refuse_change();

-- Documents ----------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on integration.document_sets
  for each row when (new.status not in ('DRAFT', 'VALIDATED', 'PENDING_APPROVAL'))
  execute function base.guard_status('DRAFT,VALIDATED,PENDING_APPROVAL');
create trigger a_guard_status before update on integration.document_sets
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('DRAFT',
    'DRAFT>VALIDATED,DRAFT>REJECTED,VALIDATED>PENDING_APPROVAL,VALIDATED>APPROVED,VALIDATED>REJECTED,PENDING_APPROVAL>APPROVED,PENDING_APPROVAL>REJECTED,APPROVED>ACTIVE,APPROVED>RETIRED,APPROVED>BROKEN,ACTIVE>DEPRECATED,ACTIVE>RETIRED,ACTIVE>BROKEN,DEPRECATED>ACTIVE,DEPRECATED>RETIRED,DEPRECATED>BROKEN,BROKEN>APPROVED,BROKEN>RETIRED');
create trigger a_guard_first_status before insert on integration.documents
  for each row when (new.status not in ('DRAFT', 'VALIDATED', 'PENDING_APPROVAL'))
  execute function base.guard_status('DRAFT,VALIDATED,PENDING_APPROVAL');
create trigger a_guard_status before update on integration.documents
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('DRAFT',
    'DRAFT>VALIDATED,DRAFT>REJECTED,VALIDATED>PENDING_APPROVAL,VALIDATED>APPROVED,VALIDATED>REJECTED,PENDING_APPROVAL>APPROVED,PENDING_APPROVAL>REJECTED,APPROVED>ACTIVE,APPROVED>RETIRED,APPROVED>BROKEN,ACTIVE>DEPRECATED,ACTIVE>RETIRED,ACTIVE>BROKEN,DEPRECATED>ACTIVE,DEPRECATED>RETIRED,DEPRECATED>BROKEN,BROKEN>APPROVED,BROKEN>RETIRED');

create function integration.guard_document() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.id, new.document_set_key, new.integration_key, new.hash, new.name, new.operation_type, new.text, new.aliases)
    is distinct from (old.id, old.document_set_key, old.integration_key, old.hash, old.name, old.operation_type,
      old.text, old.aliases) then
    raise exception 'a registered document does not change' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger b_guard_document before update on integration.documents
  for each row execute function integration.guard_document();
create trigger refuse_delete before delete on integration.documents
  for each row execute function base.refuse_change();
create trigger refuse_delete before delete on integration.document_sets
  for each row execute function base.refuse_change();
alter table integration.documents add constraint hash_is_of_text
  check (hash = 'sha256:' || encode(sha256(convert_to(text, 'UTF8')), 'hex'));

-- Webhooks -----------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on integration.webhook_endpoints
  for each row when (new.status <> 'PENDING_VERIFICATION' and new.url is not null)
  execute function base.guard_status('PENDING_VERIFICATION');
create trigger a_guard_status before update on integration.webhook_endpoints
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('PENDING_VERIFICATION',
    'PENDING_VERIFICATION>ACTIVE,PENDING_VERIFICATION>DISABLED,ACTIVE>PAUSED,ACTIVE>DISABLED,ACTIVE>PENDING_VERIFICATION,PAUSED>ACTIVE,PAUSED>DISABLED,PAUSED>PENDING_VERIFICATION,DISABLED>PENDING_VERIFICATION,DISABLED>ACTIVE');

create function integration.guard_endpoint() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.id, new.integration_key) is distinct from (old.id, old.integration_key) then
    raise exception 'an endpoint stays with its integration' using errcode = 'BW002';
  end if;
  if new.last_seq < old.last_seq then
    raise exception 'an endpoint''s sequence never goes back' using errcode = 'BW002';
  end if;
  if new.status = 'ACTIVE' and new.first_active_at is null then
    new.first_active_at := clock_timestamp();
  end if;
  return new;
end
$$;
create trigger b_guard_endpoint before update on integration.webhook_endpoints
  for each row execute function integration.guard_endpoint();

create trigger refuse_change before update or delete on integration.delivery_attempts
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on integration.delivery_attempts
  for each statement execute function base.refuse_change();
create trigger refuse_delete before delete on integration.deliveries
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on integration.deliveries
  for each statement execute function base.refuse_change();

-- The core simulator's requests ---------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on integration.core_event_requests
  for each row execute function base.guard_status('PENDING');

create function integration.guard_core_event_request() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select 1 from integration.environment where name = 'sandbox') then
    raise exception 'core events are simulated in the sandbox alone' using errcode = 'BW007';
  end if;
  return new;
end
$$;
create trigger b_sandbox_only before insert on integration.core_event_requests
  for each row execute function integration.guard_core_event_request();

-- For core_app, which has no rights on the table beyond reading it. Takes the oldest request that nobody else holds; the
-- row stays locked until the transaction ends.
create function integration.claim_core_event_request() returns setof integration.core_event_requests
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select * from integration.core_event_requests where status = 'PENDING' order by key limit 1 for update skip locked
$$;

-- error null: it was carried out on entity_id.
create function integration.finish_core_event_request(request_id text, entity_id text, error text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update integration.core_event_requests as request
    set status = case when finish_core_event_request.error is null then 'DONE' else 'FAILED' end,
      entity_id = finish_core_event_request.entity_id, error = left(finish_core_event_request.error, 500),
      finished_at = clock_timestamp()
    where request.id = request_id and request.status = 'PENDING';
  return found;
end
$$;

reset role;
