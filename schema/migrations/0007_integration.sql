-- The registry: integrations, what was approved for them, tokens, documents, webhook endpoints and their deliveries.
set local role bridgework_owner;

-- Raised by every committed change of what gateways obey.
create table integration.control_state (
  only_row boolean primary key default true check (only_row),
  generation bigint not null default 1,
  changed_at timestamptz(3) not null default now(),
  all_paused_at timestamptz(3),
  all_paused_reason text
);
insert into integration.control_state default values;

create table integration.integrations (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('int'),
  name text not null unique,
  purpose text not null,
  status text not null default 'DRAFT'
    check (status in ('DRAFT', 'SUBMITTED', 'ACTIVE', 'PAUSED', 'DEPRECATED', 'REJECTED')),
  -- The five governance fields.
  business_justification text,
  data_scope text,
  risk_assessment text,
  internal_owner text,
  review_every_months smallint check (review_every_months between 1 and 24),
  review_due_on date,
  contact_email text,
  requested_scopes text[] not null default '{}',
  approved_scopes text[] not null default '{}',
  declared_apis text[] not null default '{}',
  declared_events text[] not null default '{}',
  allowed_image_hosts text[] not null default '{}',
  -- Query text and introspection for its tokens; sandbox only.
  ad_hoc boolean not null default false,
  pause_reason text,
  created_by text not null,
  created_at timestamptz(3) not null default now(),
  submitted_by text,
  submitted_at timestamptz(3),
  decided_by text,
  decided_at timestamptz(3),
  decision_reason text,
  updated_at timestamptz(3) not null default now(),
  constraint governed_before_submitted check (
    status = 'DRAFT' or num_nulls(business_justification, data_scope, risk_assessment, internal_owner,
      review_every_months, submitted_by, submitted_at) = 0
  ),
  constraint decided_by_another check (decided_by is null or decided_by <> submitted_by
    or (single_manager and decided_at >= submitted_at + interval '24 hours' and decision_reason is not null)),
  single_manager boolean not null default false,
  constraint review_due_when_active check (status not in ('ACTIVE', 'PAUSED') or review_due_on is not null),
  constraint known_scopes check (requested_scopes || approved_scopes <@ array[
    'read:appointments', 'read:visits', 'read:patients', 'read:patients:identified', 'read:invoices', 'read:inventory',
    'read:reports', 'read:financials', 'write:payments', 'write:appointments', 'write:imaging', 'webhook:receive'])
);

-- A request that another manager decides: a sensitive scope, an integration, a document set.
create table integration.approvals (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('apr'),
  integration_key bigint not null references integration.integrations (key),
  kind text not null check (kind in ('INTEGRATION', 'SCOPE', 'DOCUMENT_SET')),
  scope text,
  document_set_id text,
  status text not null default 'PENDING' check (status in ('PENDING', 'APPROVED', 'REJECTED', 'WITHDRAWN')),
  justification text not null,
  requested_by text not null,
  requested_at timestamptz(3) not null default now(),
  decided_by text,
  decided_at timestamptz(3),
  decision_reason text,
  -- A sensitive scope is granted for a time.
  expires_at timestamptz(3),
  -- The clinic has one manager: a delay, a typed reason and an alert replace the second person.
  single_manager boolean not null default false,
  check ((kind = 'SCOPE') = (scope is not null)),
  check ((kind = 'DOCUMENT_SET') = (document_set_id is not null)),
  check ((status = 'PENDING') = (decided_by is null and decided_at is null)),
  constraint approved_scope_expires check (kind <> 'SCOPE' or status <> 'APPROVED' or expires_at is not null),
  constraint approved_by_another check (status <> 'APPROVED' or decided_by <> requested_by
    or (single_manager and decided_at >= requested_at + interval '24 hours' and decision_reason is not null))
);
create index on integration.approvals (integration_key, kind, status);

create table integration.tokens (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('tok'),
  integration_key bigint not null references integration.integrations (key),
  name text not null,
  -- The ten characters by which a token is found; the rest exists only as a keyed hash.
  public_id text not null unique,
  secret_hash text not null unique check (secret_hash ~ '^[0-9a-f]{64}$'),
  pepper_id text not null,
  environment text not null references integration.environment (name),
  scopes text[] not null check (cardinality(scopes) > 0),
  status text not null default 'ACTIVE' check (status in ('ACTIVE', 'REVOKED')),
  expires_at timestamptz(3),
  allowed_cidrs text[] not null default '{}',
  rotated_from_key bigint references integration.tokens (key),
  created_by text not null,
  created_at timestamptz(3) not null default now(),
  revoked_by text,
  revoked_at timestamptz(3),
  revoked_reason text,
  check ((status = 'REVOKED') = (revoked_at is not null and revoked_by is not null))
);
create index on integration.tokens (integration_key);

-- What tokens were seen to do; `operation` is a document id or a REST operation's name. Not in `tokens`, whose every
-- change reaches the gateways.
create table integration.token_uses (
  token_key bigint not null references integration.tokens (key),
  operation text not null,
  use_count bigint not null default 0,
  first_used_at timestamptz(3) not null default now(),
  last_used_at timestamptz(3) not null,
  primary key (token_key, operation)
);

create table integration.document_sets (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('set'),
  integration_key bigint not null references integration.integrations (key),
  name text not null,
  version integer not null,
  format text not null,
  -- SHA-256 hex of the manifest: registering the same again is the same set.
  content_sha256 text not null,
  status text not null default 'DRAFT' check (status in ('DRAFT', 'VALIDATED', 'PENDING_APPROVAL', 'APPROVED', 'ACTIVE',
    'DEPRECATED', 'RETIRED', 'REJECTED', 'BROKEN')),
  supergraph_sha256 text not null,
  registered_by text not null,
  registered_at timestamptz(3) not null default now(),
  decided_by text,
  decided_at timestamptz(3),
  decision_reason text,
  single_manager boolean not null default false,
  activated_by text,
  activated_at timestamptz(3),
  unique (integration_key, version),
  unique (integration_key, content_sha256),
  constraint set_approved_by_another check (status not in ('APPROVED', 'ACTIVE') or decided_by is null
    or decided_by <> registered_by
    or (single_manager and decided_at >= registered_at + interval '24 hours' and decision_reason is not null))
);

create table integration.documents (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('doc'),
  document_set_key bigint not null references integration.document_sets (key),
  integration_key bigint not null references integration.integrations (key),
  -- `sha256:<64 hex of the exact text>`: the id that partners send.
  hash text not null check (hash ~ '^sha256:[0-9a-f]{64}$'),
  name text not null,
  operation_type text not null check (operation_type in ('query', 'mutation')),
  text text not null,
  -- The client's own keys for it, valid inside the integration.
  aliases text[] not null default '{}',
  status text not null default 'DRAFT' check (status in ('DRAFT', 'VALIDATED', 'PENDING_APPROVAL', 'APPROVED', 'ACTIVE',
    'DEPRECATED', 'RETIRED', 'REJECTED', 'BROKEN')),
  analysis jsonb not null default '{}',
  compiled_at timestamptz(3),
  compile_error text,
  created_at timestamptz(3) not null default now(),
  retired_at timestamptz(3),
  unique (document_set_key, hash)
);
create index on integration.documents (integration_key, hash);

create table integration.document_uses (
  document_key bigint not null references integration.documents (key),
  token_key bigint not null references integration.tokens (key),
  use_count bigint not null default 0,
  last_used_at timestamptz(3) not null,
  primary key (document_key, token_key)
);

-- Batches of gateway reports that were applied: a batch sent again changes nothing.
create table integration.control_reports (
  batch_id text primary key,
  gateway_id text not null,
  applied_at timestamptz(3) not null default now()
);

create table integration.webhook_endpoints (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('whe'),
  integration_key bigint not null references integration.integrations (key),
  name text not null,
  -- Empty: pull-only.
  url text,
  mode text not null default 'SNAPSHOT' check (mode in ('SNAPSHOT', 'THIN')),
  ordering text not null default 'BEST_EFFORT' check (ordering in ('BEST_EFFORT', 'ENTITY')),
  status text not null default 'PENDING_VERIFICATION'
    check (status in ('PENDING_VERIFICATION', 'ACTIVE', 'PAUSED', 'DISABLED')),
  status_reason text,
  max_in_flight smallint not null default 4 check (max_in_flight between 1 and 64),
  timeout_ms integer not null default 10000 check (timeout_ms between 1000 and 30000),
  -- Seconds between attempts, instead of the default schedule.
  retry_schedule_seconds integer[],
  -- The seq that its last delivery was given: gap-free, because it is raised in the transaction that fans out.
  last_seq bigint not null default 0,
  first_active_at timestamptz(3),
  verified_at timestamptz(3),
  approved_by text,
  breaker_state text not null default 'CLOSED' check (breaker_state in ('CLOSED', 'OPEN', 'HALF_OPEN')),
  breaker_opened_at timestamptz(3),
  breaker_retry_at timestamptz(3),
  breaker_openings integer not null default 0,
  breaker_probe_successes smallint not null default 0,
  consecutive_failures integer not null default 0,
  version integer not null default 1,
  created_by text not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  deleted_at timestamptz(3)
);
create index on integration.webhook_endpoints (integration_key);

-- AES-256-GCM: nonce, ciphertext and tag in one; the key stands in the processes' settings.
create table integration.webhook_secrets (
  key bigint generated always as identity primary key,
  endpoint_key bigint not null references integration.webhook_endpoints (key),
  sealed bytea not null,
  key_id text not null,
  created_at timestamptz(3) not null default now(),
  -- The end of the grace period after a rotation; empty for the current secret.
  expires_at timestamptz(3)
);
create index on integration.webhook_secrets (endpoint_key);

create table integration.webhook_subscriptions (
  endpoint_key bigint not null references integration.webhook_endpoints (key),
  event_type text not null,
  created_at timestamptz(3) not null default now(),
  primary key (endpoint_key, event_type)
);
create index on integration.webhook_subscriptions (event_type);

create table integration.deliveries (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('dlv'),
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
  unique (event_id, endpoint_key),
  unique (endpoint_key, seq),
  check ((state = 'LEASED') = (lease_token is not null and lease_expires_at is not null)),
  check ((state = 'DEAD') = (dead_reason is not null)),
  check (state <> 'DELIVERED' or delivered_at is not null)
);
create index due on integration.deliveries (endpoint_key, next_at) where (state = 'PENDING');
create index leased on integration.deliveries (lease_expires_at) where (state = 'LEASED');
create index held on integration.deliveries (endpoint_key) where (state = 'HELD');
create index on integration.deliveries (endpoint_key, entity_id, seq) where (state in ('PENDING', 'LEASED', 'HELD'));

create table integration.delivery_attempts (
  key bigint generated always as identity primary key,
  delivery_key bigint not null references integration.deliveries (key),
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
  unique (delivery_key, lease_token)
);
create index on integration.delivery_attempts (endpoint_key, started_at);

-- Sandbox: a manager or partner asks for a real change that emits the named event; the core simulator carries it out.
create table integration.core_event_requests (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('req'),
  event_type text not null,
  requested_by text not null,
  integration_id text,
  status text not null default 'PENDING' check (status in ('PENDING', 'DONE', 'FAILED')),
  entity_id text,
  error text,
  created_at timestamptz(3) not null default now(),
  finished_at timestamptz(3),
  check ((status = 'PENDING') = (finished_at is null))
);
create index on integration.core_event_requests (key) where (status = 'PENDING');

reset role;
