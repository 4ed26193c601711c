-- The life of documents, held by the database: who handed a set in cannot approve it, what was approved cannot grow, and a
-- document is ACTIVE only when a gateway has compiled it in an ACTIVE set.
set local role bridgework_owner;

alter table integration.integrations
  -- QUERIES: a set of queries alone, inside the scopes and the classes of personal data that a manager approved before,
  -- needs no further person. Part of what is approved with the integration.
  add column document_policy text not null default 'MANUAL' check (document_policy in ('MANUAL', 'QUERIES'));

-- Sets ---------------------------------------------------------------------------------------------------------------
alter table integration.document_sets
  -- Everybody who handed in exactly this manifest; none of them decides.
  add column submitted_by text[] not null default '{}',
  -- How many documents it has. Fixed, so that nothing is slipped under what a person has read.
  add column document_count integer not null default 1 check (document_count > 0),
  add column approved_by_policy boolean not null default false,
  -- Until a gateway has compiled its documents it stays APPROVED.
  add column activation_requested_by text,
  add column activation_requested_at timestamptz(3);

-- Nothing that gateways obey.
alter table integration.document_sets disable trigger raise_generation;
update integration.document_sets as kept set submitted_by = array[registered_by],
  document_count = greatest(1, (select count(*) from integration.documents where document_set_key = kept.key));
alter table integration.document_sets enable trigger raise_generation;

alter table integration.document_sets
  add constraint submitted_by_somebody check (registered_by = any (submitted_by)),
  add constraint activation_requested_by_somebody
    check ((activation_requested_by is null) = (activation_requested_at is null)),
  add constraint decided_by_policy_or_person check (not approved_by_policy or decided_by is null),
  drop constraint set_approved_by_another,
  add constraint set_approved_by_another check (status not in ('APPROVED', 'ACTIVE', 'DEPRECATED')
    or approved_by_policy
    or decided_by is not null and decided_by <> all (submitted_by)
    or decided_by is not null and single_manager and decided_at >= registered_at + interval '24 hours'
      and decision_reason is not null),
  drop constraint document_sets_integration_key_content_sha256_key;
-- What was refused, retired or broken may be handed in again.
create unique index one_open_set_per_content on integration.document_sets (integration_key, content_sha256)
  where (status not in ('REJECTED', 'RETIRED', 'BROKEN'));

create function integration.name_first_submitter() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.submitted_by := array[new.registered_by];
  return new;
end
$$;
create trigger name_first_submitter before insert on integration.document_sets
  for each row execute function integration.name_first_submitter();

create function integration.guard_document_set() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.id, new.integration_key, new.name, new.version, new.format, new.content_sha256, new.registered_by,
      new.registered_at, new.document_count)
    is distinct from (old.id, old.integration_key, old.name, old.version, old.format, old.content_sha256,
      old.registered_by, old.registered_at, old.document_count)
    or not old.submitted_by <@ new.submitted_by
    or old.decided_by is not null and (new.decided_by, new.decided_at) is distinct from (old.decided_by, old.decided_at)
      and old.status <> 'BROKEN'
    or old.approved_by_policy is distinct from new.approved_by_policy and new.status = old.status then
    raise exception 'a registered set does not change' using errcode = 'BW002';
  end if;
  if new.status in ('APPROVED', 'ACTIVE') and new.status <> old.status then
    if (select count(*) from integration.documents where document_set_key = new.key) <> new.document_count then
      raise exception 'a set is approved with all of its documents' using errcode = 'BW007';
    end if;
    if new.approved_by_policy and not (
      exists (select 1 from integration.integrations where key = new.integration_key and document_policy = 'QUERIES')
      and not exists (select 1 from integration.documents
        -- A mutation cannot do without the word. Whoever has it elsewhere asks a person.
        where document_set_key = new.key and (operation_type <> 'query' or text ~* '\mmutation\M'))) then
      raise exception 'the policy approves queries alone' using errcode = 'BW007';
    end if;
  end if;
  return new;
end
$$;
create trigger b_guard_document_set before update on integration.document_sets
  for each row execute function integration.guard_document_set();

-- Documents ------------------------------------------------------------------------------------------------------------
alter table integration.documents
  add column broken_at timestamptz(3),
  add column broken_because text[] not null default '{}',
  add column retired_by text,
  add column retired_reason text,
  add constraint broken_for_a_reason check (status <> 'BROKEN' or cardinality(broken_because) > 0);

create function integration.guard_new_document() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  owner integration.document_sets;
begin
  select * into owner from integration.document_sets where key = new.document_set_key for share;
  if owner.integration_key <> new.integration_key then
    raise exception 'a document belongs to the integration of its set' using errcode = 'BW007';
  end if;
  if owner.status not in ('DRAFT', 'VALIDATED', 'PENDING_APPROVAL') or (select count(*) from integration.documents
      where document_set_key = owner.key) >= owner.document_count then
    raise exception 'nothing is added to a registered set' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger b_guard_new_document before insert on integration.documents
  for each row execute function integration.guard_new_document();

-- A document is never further than its set.
create function integration.guard_document_status() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  owner integration.document_sets;
begin
  select * into owner from integration.document_sets where key = new.document_set_key for share;
  if new.status = 'APPROVED' and owner.status not in ('APPROVED', 'ACTIVE') then
    raise exception 'a document is approved with its set' using errcode = 'BW007';
  end if;
  if new.status = 'ACTIVE' and (owner.status not in ('ACTIVE', 'DEPRECATED') or new.compiled_at is null
      or new.compile_error is not null) then
    raise exception 'a document is activated with its set, once a gateway has compiled it' using errcode = 'BW007';
  end if;
  return new;
end
$$;
create trigger c_guard_document_status before update on integration.documents
  for each row when (old.status is distinct from new.status and new.status in ('APPROVED', 'ACTIVE'))
  execute function integration.guard_document_status();

-- The last time a document of an integration was called, in whichever of its sets it stands.
create index on integration.documents (status) where (status in ('ACTIVE', 'DEPRECATED', 'BROKEN'));

reset role;
