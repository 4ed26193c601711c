-- The clinic's calendar and medical references. Owned by the appointment subgraph; written by the clinic's core.
set local role bridgework_owner;

create table appointment.clinic_settings (
  only_row boolean primary key default true check (only_row),
  name text not null,
  time_zone text not null,
  default_currency text not null,
  updated_at timestamptz(3) not null default now()
);

create table appointment.staff_users (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('usr'),
  issuer text not null,
  subject text not null,
  full_name text not null,
  role text not null check (role in ('MANAGER', 'DENTIST', 'RECEPTION', 'ACCOUNTANT')),
  active boolean not null default true,
  created_at timestamptz(3) not null default now(),
  unique (issuer, subject)
);

create table appointment.patients (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('pat'),
  full_name text not null,
  phone_e164 text check (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
  email text,
  locale text not null default 'ar',
  -- {"sms": true, "whatsapp": false, …}: what the patient agreed to.
  consents jsonb not null default '{}',
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

create table appointment.providers (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('prv'),
  name text not null,
  specialty text not null,
  active boolean not null default true
);

create table appointment.chairs (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('chr'),
  name text not null,
  active boolean not null default true
);

create table appointment.imports (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('imp'),
  integration_id text not null,
  status text not null default 'RUNNING' check (status in ('RUNNING', 'DONE', 'FAILED')),
  row_count integer not null check (row_count between 1 and 500),
  imported_count integer not null default 0,
  unchanged_count integer not null default 0,
  errors jsonb not null default '[]',
  created_at timestamptz(3) not null default now(),
  finished_at timestamptz(3)
);
create index on appointment.imports (integration_id, key);

create table appointment.appointments (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('apt'),
  patient_id text not null references appointment.patients (id),
  provider_id text not null references appointment.providers (id),
  chair_id text not null references appointment.chairs (id),
  starts_at timestamptz(3) not null,
  ends_at timestamptz(3) not null,
  status text not null default 'SCHEDULED'
    check (status in ('SCHEDULED', 'CONFIRMED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW')),
  source text not null default 'CLINIC' check (source in ('CLINIC', 'IMPORT')),
  -- An import's natural key, unique for ever.
  imported_by_integration_id text,
  external_id text,
  import_key bigint references appointment.imports (key),
  -- Grows by one with every transaction that changes what partners see; receivers order by it.
  sequence integer not null default 1,
  completed_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- Kept by trigger: the transaction that changed the row last and its appointment.updated event (once per transaction).
  change_xid xid8,
  change_event_id text,
  changed text[] not null default '{}',
  check (ends_at > starts_at and ends_at <= starts_at + interval '12 hours'),
  check ((source = 'IMPORT') = (imported_by_integration_id is not null)),
  check ((external_id is null) = (imported_by_integration_id is null)),
  check ((status = 'COMPLETED') = (completed_at is not null)),
  unique (imported_by_integration_id, external_id),
  -- Half-open ranges: one appointment may begin when the one before it ends.
  constraint provider_is_free exclude using gist (provider_id with =, tstzrange(starts_at, ends_at) with &&)
    where (status in ('SCHEDULED', 'CONFIRMED', 'IN_PROGRESS')),
  constraint chair_is_free exclude using gist (chair_id with =, tstzrange(starts_at, ends_at) with &&)
    where (status in ('SCHEDULED', 'CONFIRMED', 'IN_PROGRESS'))
);
create index on appointment.appointments (starts_at, key);
-- The order in which partners walk.
create index on appointment.appointments (updated_at, id);
create index on appointment.appointments (patient_id, starts_at);
create index on appointment.appointments (provider_id, starts_at);

create table appointment.visits (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('vis'),
  appointment_id text not null unique references appointment.appointments (id),
  patient_id text not null references appointment.patients (id),
  provider_id text not null references appointment.providers (id),
  status text not null default 'OPEN' check (status in ('OPEN', 'COMPLETED')),
  started_at timestamptz(3) not null default now(),
  completed_at timestamptz(3),
  -- Σ of visit_procedures, kept by trigger.
  procedure_count integer not null default 0,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  check ((status = 'COMPLETED') = (completed_at is not null))
);
create index on appointment.visits (started_at, key);
create index on appointment.visits (updated_at, id);
create index on appointment.visits (patient_id, started_at);

create table appointment.visit_procedures (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('prc'),
  visit_key bigint not null references appointment.visits (key),
  code text not null,
  name text not null,
  tooth text,
  performed_at timestamptz(3) not null default now()
);
create index on appointment.visit_procedures (visit_key);

create table appointment.imaging_references (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('img'),
  patient_id text not null references appointment.patients (id),
  visit_id text references appointment.visits (id),
  submitted_by_integration_id text,
  study_uid text not null,
  series_uid text not null,
  sop_instance_uid text not null,
  modality text not null check (modality in ('IO', 'PX', 'CT', 'XC', 'DX', 'OT')),
  taken_at timestamptz(3) not null,
  uri text not null check (uri like 'https://%'),
  content_type text not null,
  byte_size bigint not null check (byte_size > 0),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  device text,
  created_at timestamptz(3) not null default now(),
  unique (submitted_by_integration_id, sop_instance_uid)
);
create index on appointment.imaging_references (visit_id);
create index on appointment.imaging_references (patient_id);

reset role;
