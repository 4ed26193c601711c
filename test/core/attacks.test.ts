import { LOGIN_ROLES } from '@bridgework/kernel/migrate';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { connectCore } from './connected-core.ts';

/** Our own processes: what would be in an attacker's hands if one of them were taken over. */
const OURS = LOGIN_ROLES.filter((role) => role !== 'core_app');
const OUR_TABLES = new Set(['appointment.imports', 'appointment.imaging_metadata']);

interface Relation {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isView: boolean;
}

let database: TestDatabase;
let owner: Sql;
/** The core's own tables, and the views over them. */
let relations: readonly Relation[];

beforeAll(async () => {
  database = await connectCore();
  owner = database.as('owner', 1);
  for (const type of ['visit.completed', 'payment.received', 'installment.overdue', 'inventory.low_stock']) {
    await database.as('core_app', 1)`select core_verify.happen(${type})`;
  }
  const found = await owner<Relation[]>`
    select format('%I.%I', n.nspname, c.relname) as name, c.relkind = 'v' as "isView",
      array_agg(quote_ident(a.attname) order by a.attnum) filter (where a.attidentity = '') as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped
    where c.relkind in ('r', 'p', 'v') and n.nspname not like 'pg\\_%' and n.nspname not in
      ('information_schema', 'base', 'integration', 'outbox', 'audit', 'idempotency', 'queue', 'drizzle', 'core_verify')
    group by 1, 2 order by 1`;
  relations = found.filter(({ name }) => !OUR_TABLES.has(name));
});
afterAll(() => database?.drop());

const digest = async (): Promise<readonly unknown[]> => {
  const tables = relations.filter(({ isView }) => !isView);
  const union = tables.map(
    ({ name }) => `select '${name}' as name, md5(string_agg(t::text, '|' order by t::text)) as rows from ${name} t`,
  );
  return [...(await owner.unsafe(union.join(' union all ')))];
};

/** Everything that comes through, and every refusal that is none: a mistake in the attack itself. */
async function attack(attacker: Sql, statements: readonly string[]): Promise<string[]> {
  const through: string[] = [];
  for (const statement of statements) {
    try {
      await attacker.unsafe(statement);
      through.push(statement);
    } catch (error) {
      const { code, message } = error as { readonly code: string; readonly message: string };
      // No right; a guard; a constraint; a view that cannot be written; an argument that means nothing.
      if (!/^(42501|BW00\d|23[0-9A-Z]{3}|55000|42809|22023|0A000)$/.test(code))
        through.push(`${statement}\n  → ${code} ${message}`);
    }
  }
  return through;
}

test('the core has tables of its own, and views stand over them', () => {
  expect(relations.filter(({ isView }) => isView).length).toBeGreaterThan(5);
  expect(
    relations.filter(({ name, isView }) => !isView && !/^(appointment|billing|inventory)\./.test(name)).length,
  ).toBeGreaterThan(5);
});

describe.each(OURS)('%s', (role) => {
  test('alters and deletes nothing, in no table of the core and through no view', async () => {
    const before = await digest();
    const statements = relations.flatMap(({ name, columns, isView }) => [
      ...columns.map((column) => `update ${name} set ${column} = ${column}`),
      // Of no row: the right alone is asked for, and no constraint can hide that it is there.
      ...columns.map((column) => `update ${name} set ${column} = default where false`),
      `delete from ${name}`,
      `truncate ${name} cascade`,
      `insert into ${name} (${columns}) select ${columns} from ${name} limit 1`,
      `insert into ${name} default values`,
      `drop ${isView ? 'view' : 'table'} ${name} cascade`,
    ]);
    expect(statements.length).toBeGreaterThan(100);
    expect(await attack(database.as(role, 1), withoutOwnInserts(role, statements))).toEqual([]);
    expect(await digest()).toEqual(before);
  });

  test('has no right to write on any table of the core nor on any view', async () => {
    const rows = await owner<{ name: string; rights: string }[]>`
      select name, concat_ws(' ', case when has_any_column_privilege(${role}, name, 'INSERT') then 'INSERT' end,
        case when has_any_column_privilege(${role}, name, 'UPDATE') then 'UPDATE' end,
        case when has_table_privilege(${role}, name, 'DELETE, TRUNCATE, TRIGGER, REFERENCES') then 'MORE' end) as rights
      from unnest(${relations.map(({ name }) => name)}::text[]) as name`;
    const held = rows.filter(({ rights }) => rights !== '').map(({ name, rights }) => `${name} ${rights}`);
    expect(held).toEqual(role === 'bridgework_billing' ? ['billing.terminal_confirmations INSERT'] : []);
  });

  test('reads the core’s own tables not at all, hence no cost', async () => {
    const tables = relations.filter(({ name, isView }) => !isView && !/^(appointment|billing|inventory)\./.test(name));
    expect(
      await attack(
        database.as(role, 1),
        tables.map(({ name }) => `select * from ${name}`),
      ),
    ).toEqual([]);
  });

  test('takes no guard down and tells no event of its own', async () => {
    const tables = relations.filter(({ isView }) => !isView);
    const statements = [
      ...tables.map(({ name }) => `alter table ${name} disable trigger all`),
      "select outbox.emit('payment.received', 'payment', 'pay_x', '{}')",
      "select core_verify.happen('payment.received')",
      "create or replace function billing.record_terminal_payment() returns text language sql as 'select 1::text'",
      "set session_replication_role = 'replica'",
      'create schema mine',
    ];
    expect(await attack(database.as(role, 1), statements)).toEqual([]);
  });

  test('gets nothing wrong through the three functions', async () => {
    const [invoice] = await owner<{ id: string; owed: number }[]>`
      select id, (total_minor - paid_minor)::int as owed from billing.invoices where status = 'PARTIALLY_PAID' limit 1`;
    const before = await digest();
    const pay = (amount: string, currency = 'SAR', at = 'now()', by = "'int_x'") =>
      `select case when result = 'RECORDED' then 'through' else (1 / 0)::text end from billing.record_terminal_payment(
        '${invoice?.id}', ${amount}, '${currency}', ${at}, ${by}, 'T', 'attack', null, null, null)`;
    const wrong = [
      pay('-5'),
      pay('0'),
      pay('null'),
      pay(String((invoice?.owed ?? 0) + 1)),
      pay('1', 'USD'),
      pay('1', 'SAR', "now() + interval '1 day'"),
      pay('1', 'SAR', 'now()', 'null'),
    ];
    const through: string[] = [];
    for (const statement of wrong) {
      // Division by zero: it was answered, with a refusal.
      await database
        .as(role, 1)
        .unsafe(statement)
        .then(
          () => through.push(statement),
          ({ code }) => /^(42501|22023|22012|BW004)$/.test(code) || through.push(`${statement} → ${code}`),
        );
    }
    expect(through).toEqual([]);
    expect(await digest()).toEqual(before);
  });
});

/** Billing adds terminal confirmations, which are ours; what it adds there is a row, never a change. */
const withoutOwnInserts = (role: string, statements: readonly string[]) =>
  statements.filter(
    (one) => !(role === 'bridgework_billing' && one.startsWith('insert into billing.terminal_confirmations')),
  );
