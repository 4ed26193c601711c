import type { LoginRole } from '@bridgework/kernel/migrate';

/** A statement that no such role may get through, and the promise it would break. */
export interface Attack {
  readonly promise: string;
  readonly statement: string;
  /** By default every LOGIN role. */
  readonly by?: readonly LoginRole[];
}

/** Our own processes: what would be in an attacker's hands if one of them were taken over. */
const OURS: readonly LoginRole[] = [
  'bridgework_appointment',
  'bridgework_billing',
  'bridgework_inventory',
  'bridgework_integration',
  'bridgework_workers',
];
const except = (...roles: readonly LoginRole[]): readonly LoginRole[] => OURS.filter((role) => !roles.includes(role));

const attack = (promise: string, statement: string, by?: readonly LoginRole[]): Attack =>
  by === undefined ? { promise, statement } : { promise, statement, by };
const each = (promise: string, statements: readonly string[], by?: readonly LoginRole[]): readonly Attack[] =>
  statements.map((statement) => attack(promise, statement, by));

const HASH = `'${'b'.repeat(64)}'`;

export const APPEND_ONLY: readonly string[] = [
  'billing.payments',
  'billing.expenses',
  'billing.overdue_marks',
  'billing.exports',
  'billing.export_files',
  'inventory.stock_movements',
  'inventory.visit_materials',
  'appointment.visit_procedures',
  'appointment.imaging_references',
  'integration.delivery_attempts',
  'audit.entries',
  'audit.seals',
];
const HISTORY: readonly string[] = [
  'appointment.appointments',
  'appointment.visits',
  'billing.invoices',
  'billing.terminal_confirmations',
  'billing.business_days',
  'billing.months',
  'inventory.items',
  'integration.deliveries',
  'integration.alerts',
  'integration.messages',
  'integration.redrives',
  'outbox.events',
];

const touchOf: Readonly<Record<string, string>> = {
  'billing.payments': 'amount_minor = 1',
  'billing.expenses': 'amount_minor = 1',
  'billing.overdue_marks': 'remaining_minor = 1',
  'billing.exports': "content = '{}'",
  'billing.export_files': "content = 'x'",
  'inventory.stock_movements': 'quantity = 1',
  'inventory.visit_materials': 'quantity = 2',
  'appointment.visit_procedures': "code = 'x'",
  'appointment.imaging_references': "uri = 'https://evil/'",
  'integration.delivery_attempts': "outcome = 'x'",
  'audit.entries': "actor = 'nobody'",
  'audit.seals': "hash = 'x'",
};

export const ATTACKS: readonly Attack[] = [
  ...APPEND_ONLY.flatMap((table) =>
    each(`${table} is added to, never changed`, [
      `update ${table} set ${touchOf[table]}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ]),
  ),
  ...HISTORY.flatMap((table) =>
    each(`${table} keeps every row`, [`delete from ${table}`, `truncate ${table} cascade`]),
  ),

  ...each('what is paid is what payments add up to', [
    'update billing.invoices set paid_minor = 0',
    "update billing.invoices set paid_minor = total_minor, status = 'PAID'",
    "update billing.invoices set status = 'PAID'",
  ]),
  ...each('an invoice keeps its identity', [
    "update billing.invoices set reference = 'mine'",
    "update billing.invoices set id = 'inv_mine'",
  ]),
  ...each('an issued invoice does not change', [
    "update billing.invoices set total_minor = 1 where status <> 'DRAFT'",
    "update billing.invoices set currency = 'USD' where status <> 'DRAFT'",
    "update billing.invoices set patient_id = 'pat_other' where status <> 'DRAFT'",
    "update billing.invoices set status = 'DRAFT', issued_on = null where status <> 'DRAFT'",
  ]),
  attack(
    'an invoice that something was paid on is not voided',
    "update billing.invoices set status = 'VOID' where paid_minor > 0",
  ),
  attack(
    'an invoice is born a draft',
    `insert into billing.invoices (patient_id, currency, total_minor, paid_minor, status, issued_on, due_on)
      values ('pat_x', 'SAR', 5, 5, 'PAID', '2026-01-01', '2026-01-01')`,
  ),
  attack('installments are fixed at issue', 'update billing.installments set amount_minor = amount_minor + 1'),
  attack('installments are fixed at issue', 'delete from billing.installments'),
  attack('lines are fixed at issue', 'update billing.invoice_lines set amount_minor = amount_minor + 1'),
  ...each('a payment is a positive amount, in the invoice’s currency, within the balance', [
    payment("'SAR', -5"),
    payment("'SAR', 0"),
    payment("'USD', 5"),
    payment("'SAR', 10000000"),
  ]),
  attack(
    'a closed day takes nothing more',
    `insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at, business_date, late_posted)
      select id, 'SAR', 1, 'CASH', '2026-01-05T09:00Z', '2026-01-05', false from billing.invoices
      where status = 'PARTIALLY_PAID'`,
  ),
  attack(
    'a closed day takes nothing more',
    `insert into billing.expenses (business_date, currency, amount_minor, category, description)
      values ('2026-01-05', 'SAR', 1, 'x', 'x')`,
  ),
  ...each('a closed day never opens and no day moves', [
    "update billing.business_days set status = 'OPEN', closed_at = null, closed_by = null",
    "update billing.business_days set business_date = '2027-01-01' where status = 'CLOSED'",
    "update billing.business_days set business_date = '2027-01-01' where status = 'OPEN'",
    "insert into billing.business_days (business_date, status, closed_at, closed_by) values ('2026-07-01', 'CLOSED', now(), 'x')",
    "update billing.months set status = 'CLOSED', closed_at = now(), closed_by = 'x'",
  ]),
  attack(
    'an export is made of a closed period',
    `select billing.record_export('DAILY_COLLECTED_REVENUE', '2026-01-06', '{}', '{"JSON": "e30="}', 'x', null, 'r')`,
  ),
  attack(
    'an export is made by its function, which takes its place in the chain and tells the audit log',
    `insert into billing.exports (kind, period, content, content_sha256, position, previous_sha256, generated_by)
      values ('DEFERRED_RECEIVABLES_AGING', '2026-01-05', '{}', encode(sha256('{}'), 'hex'), 9, repeat('0', 64), 'x')`,
  ),
  attack(
    'no file is added to an export',
    `insert into billing.export_files (export_key, format, content, sha256)
      select key, 'CSV', 'x', encode(sha256('x'), 'hex') from billing.exports`,
  ),
  ...each('a currency’s exponent is what ISO 4217 says', [
    "update billing.currencies set exponent = 0 where code = 'IQD'",
    "insert into billing.currencies values ('XXX', 2)",
  ]),
  attack(
    'a confirmation is resolved by a manager’s word alone',
    "update billing.terminal_confirmations set status = 'RESOLVED', resolution = 'DISMISSED', resolution_reason = 'x', resolved_by = 'x', resolved_at = now()",
  ),
  attack('a terminal confirms cards under its own name', payment("'SAR', 1", "'CASH'"), OURS),
  attack('what stays of stock is what moved', 'update inventory.items set on_hand = on_hand + 1'),
  attack('stock begins with a movement', "insert into inventory.items (sku, name, on_hand) values ('B', 'B', 5)"),
  attack(
    'stock is never negative',
    "insert into inventory.stock_movements (item_key, quantity, reason) select key, -1000, 'WASTE' from inventory.items",
  ),

  ...each('an appointment skips no state and does not change its origin', [
    "update appointment.appointments set status = 'COMPLETED', completed_at = now()",
    "update appointment.appointments set status = 'IN_PROGRESS'",
    'update appointment.appointments set patient_id = patient_id',
    "update appointment.appointments set source = 'IMPORT', imported_by_integration_id = 'int_x', external_id = 'x'",
    'update appointment.appointments set sequence = 99',
  ]),
  attack(
    'two appointments do not share a chair',
    `insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at, source,
        imported_by_integration_id, external_id)
      select patient_id, provider_id, chair_id, starts_at, ends_at, 'IMPORT', 'int_x', 'x' from appointment.appointments`,
  ),
  attack(
    'a partner books; it never moves or cancels',
    "update appointment.appointments set status = 'CANCELLED'",
    OURS,
  ),
  attack(
    'a partner’s booking says that it is one',
    `insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
      select patient_id, provider_id, chair_id, starts_at + interval '1 day', ends_at + interval '1 day'
      from appointment.appointments`,
    OURS,
  ),
  ...each('a completed visit does not change', [
    "update appointment.visits set status = 'OPEN', completed_at = null",
    'update appointment.visits set procedure_count = 9',
  ]),
  ...each(
    'partners change no patient',
    [
      "update appointment.patients set phone_e164 = '+966500000000'",
      "insert into appointment.patients (full_name) values ('x')",
      'delete from appointment.patients',
    ],
    OURS,
  ),
  attack('patients are not deleted', 'delete from appointment.patients'),
  attack('the clinic’s calendar is the clinic’s', "update appointment.clinic_settings set time_zone = 'UTC'", OURS),
  attack('a role is not made by a partner', "update appointment.staff_users set role = 'MANAGER'", OURS),

  ...each(
    'no subgraph reads the calendar but its own',
    ['select * from appointment.patients'],
    except('bridgework_appointment'),
  ),
  attack('no role of ours reads the staff list', 'select * from appointment.staff_users', OURS),
  ...each(
    'no subgraph reads money but its own',
    ['select * from billing.payments', 'select * from billing.invoices', 'select * from billing.expenses'],
    except('bridgework_billing'),
  ),
  ...each('no subgraph reads stock but its own', ['select sku from inventory.items'], except('bridgework_inventory')),
  ...each(
    'no role of this layer reads what things cost',
    [
      'select unit_cost_minor from inventory.items',
      'select unit_cost_minor from inventory.stock_movements',
      'select * from inventory.items',
      'select sku from inventory.items where unit_cost_minor > 50',
    ],
    OURS,
  ),
  ...each(
    'no subgraph reads the registry but its own',
    ['select * from integration.integrations', 'select sealed from integration.webhook_secrets'],
    except('bridgework_integration', 'bridgework_workers'),
  ),
  attack('nobody but the registry reads token hashes', 'select secret_hash from integration.tokens', [
    'core_app',
    ...except('bridgework_integration'),
  ]),
  ...each('stored answers are read through idempotency.begin alone', [
    'select outcome from idempotency.requests',
    "update idempotency.requests set outcome = '{}'",
    'delete from idempotency.requests',
    `insert into idempotency.requests (principal, idempotency_key, operation, fingerprint, request_id) values ('int_x', 'y', 'o', ${HASH}, 'r')`,
  ]),
  attack('an answer is stored by the transaction that began its key', "select idempotency.finish('int_x', 'k', '{}')"),
  ...each('audit entries are written through audit.append alone, under one’s own login', [
    "insert into audit.entries (actor, action, entity, result) values ('x', 'a.b', 'x', 'OK')",
    "insert into audit.seals values (99, 1, 'x', 'x')",
    'delete from audit.unsealed',
    'insert into audit.unsealed select key from audit.entries',
    "select audit.append_refusal(now() - interval '1 day', 'a', null, 'token.issue', 'token', null, 'OK', null, 'r')",
  ]),
  attack('results are a closed list', "select audit.append('x', null, 'a.b', 'x', null, 'MAYBE', null, 'r')"),
  ...each('an event says what its trigger said', [
    "update outbox.events set data = '{}'",
    "update outbox.events set id = 'evt_x'",
    "insert into outbox.events (type, entity_type, entity_id, data) values ('payment.received', 'payment', 'x', '{}')",
  ]),
  attack(
    'events come from the clinic’s rows',
    "select outbox.emit('payment.received', 'payment', 'pay_x', '{}')",
    OURS,
  ),

  ...each('a token belongs to this environment, an ACTIVE integration and its approved scopes', [
    token("'production', '{read:appointments}'"),
    token("'sandbox', '{read:inventory}'"),
    token("'sandbox', '{write:payments}'"),
    token("'sandbox', '{no:such}'"),
  ]),
  ...each('after issue a token can only lose', [
    "update integration.tokens set scopes = '{read:appointments,webhook:receive}'",
    `update integration.tokens set secret_hash = ${HASH}`,
    "update integration.tokens set environment = 'production'",
    'delete from integration.tokens',
  ]),
  ...each('the environment is written once', [
    "update integration.environment set name = 'production'",
    'delete from integration.environment',
    "insert into integration.environment (name, only_row) values ('production', true)",
  ]),
  ...each('governance is not skipped', [
    "insert into integration.integrations (name, purpose, status, created_by) values ('x', 'x', 'ACTIVE', 'x')",
    "update integration.integrations set status = 'DRAFT'",
    'update integration.integrations set decided_by = submitted_by',
    `insert into integration.approvals (integration_key, kind, scope, status, justification, requested_by, decided_by, decided_at, expires_at)
      select key, 'SCOPE', 'write:payments', 'APPROVED', 'x', 'a', 'a', now(), now() from integration.integrations`,
    "update integration.approvals set scope = 'write:payments'",
    'update integration.approvals set decided_by = requested_by',
    "update integration.approvals set expires_at = now() + interval '9 years'",
    'delete from integration.approvals',
    "update integration.approvals set requested_at = now() - interval '1 year'",
    "update integration.integrations set approved_scopes = array['write:payments', 'write:imaging', 'read:financials', 'read:patients:identified']",
    "update integration.integrations set edited_by = array['x']",
    "update integration.integrations set purpose = 'another'",
    "update integration.integrations set decided_at = '2020-01-01'",
    'update integration.control_state set single_manager = true',
    'update integration.control_state set generation = 0',
  ]),
  ...each('a registered document does not change', [
    "update integration.documents set text = 'query Q { me { name } }'",
    "update integration.documents set status = 'ACTIVE'",
    'delete from integration.documents',
  ]),
  attack('a delivery is attempted by workers', 'delete from integration.deliveries'),
  ...each('an alert keeps what it said, and is raised through its function', [
    "update integration.alerts set detail = 'all is well'",
    'update integration.alerts set raised_at = now()',
    `insert into integration.alerts (kind, entity, entity_id, detail, window_seconds, window_number)
      values ('a.b', 'x', 'x', 'x', 60, 1)`,
    "select integration.raise_alert('no kind', 'x', 'x', 'x')",
  ]),
  ...each('a message keeps to whom it speaks and how it ended', [
    "update integration.messages set patient_id = 'pat_x'",
    "update integration.messages set status = 'DELIVERED'",
    "update integration.messages set recipient_masked = '+966500000000'",
  ]),
  ...each('a redrive is what was asked for', [
    "update integration.redrives set event_type = 'invoice.created'",
    'update integration.redrives set replayed_count = -1',
    "update integration.redrives set status = 'RUNNING', finished_at = null where status = 'DONE'",
  ]),
  attack('a secret is not swapped', "update integration.webhook_secrets set sealed = 'y'"),

  ...each('guards are not taken down', [
    'alter table billing.payments disable trigger all',
    'drop trigger refuse_change on billing.payments',
    'alter table billing.payments disable row level security',
    'alter table billing.invoices drop constraint paid_within_total',
    "set session_replication_role = 'replica'",
    'drop function base.refuse_change() cascade',
    "create or replace function base.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
    'create trigger mine before insert on billing.payments for each row execute function base.touch()',
  ]),
  ...each('nobody becomes somebody else', [
    'set role bridgework_owner',
    'set session authorization postgres',
    'grant bridgework_owner to current_user',
    'alter role current_user superuser',
    'alter role core_app connection limit 0',
    "create role mine login password 'x'",
  ]),
  ...each('nothing is built in the clinic’s database', [
    'create table public.mine (x integer)',
    'create temp table payments (x integer)',
    'create schema mine',
    'create function billing.mine() returns integer language sql return 1',
    'create function base.mine() returns integer language sql return 1',
    'create extension dblink',
    'drop table billing.payments cascade',
    'drop schema audit cascade',
    'do $$ begin lock table billing.payments in access exclusive mode; end $$',
  ]),
  ...each('the server’s files and programs stay closed', [
    "select pg_read_file('/etc/passwd')",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/bridgework-attack'",
    "select lo_import('/etc/passwd')",
    'select pg_terminate_backend(pid) from pg_stat_activity where usename = (select rolname from pg_roles where rolsuper limit 1)',
    'select * from pg_authid',
  ]),
];

function payment(money: string, method = "'CARD'"): string {
  return `insert into billing.payments (invoice_id, currency, amount_minor, method, integration_id, terminal_id, terminal_txn_id)
    select id, ${money}, ${method}, 'int_x', 'T', 'attack' from billing.invoices where status = 'PARTIALLY_PAID'`;
}

function token(environmentAndScopes: string): string {
  return `insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment, scopes, created_by)
    select key, 'x', 'zzzzzzzzzz', ${HASH}, 'p', ${environmentAndScopes}, 'x' from integration.integrations limit 1`;
}
