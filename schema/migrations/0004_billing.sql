-- Money. Amounts are minor units of a currency whose exponent stands here and nowhere else.
set local role bridgework_owner;

create table billing.currencies (
  code text primary key check (code ~ '^[A-Z]{3}$'),
  exponent smallint not null check (exponent between 0 and 3)
);
-- ISO 4217, List One.
insert into billing.currencies (code, exponent) values
  ('SAR', 2), ('AED', 2), ('QAR', 2), ('EGP', 2), ('LBP', 2), ('MAD', 2), ('TRY', 2), ('USD', 2), ('EUR', 2), ('GBP', 2),
  ('KWD', 3), ('BHD', 3), ('OMR', 3), ('JOD', 3), ('IQD', 3), ('TND', 3), ('LYD', 3), ('JPY', 0);

create sequence billing.invoice_number;

create table billing.invoices (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('inv'),
  -- Random: what partners see. The number counts the clinic's invoices and is for its own people.
  reference text not null unique default base.new_reference(),
  number text not null unique default ('INV-' || lpad(nextval('billing.invoice_number')::text, 6, '0')),
  patient_id text not null,
  visit_id text,
  currency text not null references billing.currencies (code),
  total_minor bigint not null check (total_minor between 0 and 9007199254740991),
  -- Written by the trigger on payments alone.
  paid_minor bigint not null default 0,
  status text not null default 'DRAFT' check (status in ('DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID')),
  issued_on date,
  due_on date not null,
  voided_on date,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (id, currency),
  constraint paid_within_total check (paid_minor between 0 and total_minor),
  constraint status_agrees_with_paid check (
    case status
      when 'PAID' then paid_minor = total_minor and total_minor > 0
      when 'PARTIALLY_PAID' then paid_minor > 0 and paid_minor < total_minor
      when 'ISSUED' then paid_minor = 0 and total_minor > 0
      else paid_minor = 0
    end
  ),
  check ((status = 'DRAFT') = (issued_on is null)),
  check ((status = 'VOID') = (voided_on is not null))
);
create index on billing.invoices (patient_id, key);
create index on billing.invoices (visit_id);

create table billing.invoice_lines (
  key bigint generated always as identity primary key,
  invoice_key bigint not null references billing.invoices (key),
  position smallint not null,
  description text not null,
  quantity integer not null default 1 check (quantity > 0),
  amount_minor bigint not null check (amount_minor >= 0),
  unique (invoice_key, position)
);

create table billing.installments (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('ins'),
  invoice_key bigint not null references billing.invoices (key),
  number smallint not null check (number > 0),
  due_on date not null,
  amount_minor bigint not null check (amount_minor > 0),
  unique (invoice_key, number)
);
create index on billing.installments (due_on);

create table billing.business_days (
  business_date date primary key,
  status text not null default 'OPEN' check (status in ('OPEN', 'CLOSED')),
  closed_at timestamptz(3),
  closed_by text,
  check ((status = 'CLOSED') = (closed_at is not null and closed_by is not null))
);

create table billing.months (
  -- The first day of the month.
  month date primary key check (extract(day from month) = 1),
  status text not null default 'OPEN' check (status in ('OPEN', 'CLOSED')),
  closed_at timestamptz(3),
  closed_by text,
  check ((status = 'CLOSED') = (closed_at is not null and closed_by is not null))
);

create table billing.payments (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('pay'),
  invoice_id text not null,
  currency text not null,
  amount_minor bigint not null check (amount_minor between 1 and 9007199254740991),
  method text not null check (method in ('CASH', 'CARD', 'TRANSFER')),
  captured_at timestamptz(3) not null default now(),
  -- Both decided by trigger from captured_at and the open days; a given value must agree.
  business_date date not null references billing.business_days (business_date),
  late_posted boolean not null,
  -- A terminal's natural key, unique for ever; all empty when the clinic recorded the payment itself.
  integration_id text,
  terminal_id text,
  terminal_txn_id text,
  card_scheme text,
  card_last4 text check (card_last4 ~ '^[0-9]{4}$'),
  approval_code text,
  created_at timestamptz(3) not null default now(),
  foreign key (invoice_id, currency) references billing.invoices (id, currency),
  check (num_nulls(integration_id, terminal_id, terminal_txn_id) in (0, 3)),
  unique (integration_id, terminal_id, terminal_txn_id)
);
create index on billing.payments (invoice_id);
create index on billing.payments (business_date, currency, method);

create table billing.overdue_marks (
  key bigint generated always as identity primary key,
  installment_key bigint not null unique references billing.installments (key),
  -- What the event says, as it was when the mark was made.
  installment_id text not null,
  invoice_id text not null,
  number smallint not null,
  due_on date not null,
  currency text not null,
  remaining_minor bigint not null check (remaining_minor > 0),
  days_overdue integer not null check (days_overdue > 0),
  marked_at timestamptz(3) not null default now()
);

-- Corrected by a reversing row in an open day, never changed.
create table billing.expenses (
  key bigint generated always as identity primary key,
  business_date date not null references billing.business_days (business_date),
  currency text not null references billing.currencies (code),
  amount_minor bigint not null check (amount_minor <> 0),
  category text not null,
  description text not null,
  reverses_key bigint unique references billing.expenses (key),
  created_at timestamptz(3) not null default now(),
  check ((amount_minor < 0) = (reverses_key is not null))
);
create index on billing.expenses (business_date, currency);

-- What terminals said, outside the ledger. Money may have moved at the bank although we refused to book it, so a refusal
-- (rows 10-15 and 17 of the decision table) is kept until a manager has resolved it.
create table billing.terminal_confirmations (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('cnf'),
  integration_id text not null,
  token_id text not null,
  invoice_id text not null,
  amount_minor bigint not null,
  currency text not null,
  terminal_id text not null,
  terminal_txn_id text not null,
  captured_at timestamptz(3) not null,
  card_scheme text,
  card_last4 text check (card_last4 ~ '^[0-9]{4}$'),
  approval_code text,
  -- SHA-256 hex of the confirmed content: tells "the same again" from "the same transaction, other content".
  fingerprint text not null check (fingerprint ~ '^[0-9a-f]{64}$'),
  status text not null check (status in ('RECORDED', 'DUPLICATE', 'REJECTED', 'RESOLVED')),
  -- The code of kernel/src/errors.ts that the terminal was answered.
  reason text,
  -- What was still owed when it was judged; shown with AMOUNT_EXCEEDS_BALANCE.
  balance_minor bigint,
  payment_id text references billing.payments (id),
  resolution text check (resolution in ('LINKED', 'DISMISSED')),
  resolution_reason text,
  resolved_by text,
  resolved_at timestamptz(3),
  received_at timestamptz(3) not null default now(),
  check (status <> 'RECORDED' or (payment_id is not null and reason is null)),
  check (status not in ('REJECTED', 'RESOLVED') or reason is not null),
  check ((status = 'RESOLVED') = (resolution is not null and resolved_by is not null and resolved_at is not null)),
  check (resolution is distinct from 'LINKED' or payment_id is not null),
  check (resolution is distinct from 'DISMISSED' or resolution_reason is not null)
);
create unique index one_recorded_confirmation on billing.terminal_confirmations
  (integration_id, terminal_id, terminal_txn_id) where (status = 'RECORDED');
create index on billing.terminal_confirmations (integration_id, terminal_id, terminal_txn_id, key);
create index on billing.terminal_confirmations (status, key);

reset role;
