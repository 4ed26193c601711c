import { readFileSync } from 'node:fs';
import { LOGIN_ROLES } from '@bridgework/kernel/migrate';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** The guide's tables of database rights and the database's own catalog say the same, in both directions. */
const guide = readFileSync(new URL('../../docs/operator-guide.md', import.meta.url), 'utf8');

let database: TestDatabase;
let owner: Sql;
beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner', 1);
});
afterAll(() => database.drop());

/** `schema privilege name` for each name in the table under `### <role>`; a star marks rights on some columns only. */
function documented(role: string): readonly string[] {
  const start = guide.indexOf(`### ${role}\n`);
  if (start === -1) return [];
  const end = guide.slice(start + 4).search(/\n##/);
  const section = guide.slice(start, end === -1 ? undefined : start + 4 + end);
  return [...section.matchAll(/^\| ([a-z]+) \| ([A-Z]+) \| (.+) \|$/gm)]
    .flatMap(([, schema, privilege, names]) =>
      (names ?? '').split(', ').map((name) => `${schema} ${privilege} ${name}`),
    )
    .toSorted();
}

async function granted(role: string): Promise<readonly string[]> {
  const rows = await owner<{ line: string }[]>`
    with ours as (
      select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'drizzle')
    )
    select format('%s %s %s%s', nspname, privilege, relname,
        case when not has_table_privilege(${role}, c.oid, privilege) then '*' end) as line
      from ours join pg_class c on c.relnamespace = ours.oid and c.relkind in ('r', 'p', 'v', 'm'),
        unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as privilege
      where has_table_privilege(${role}, c.oid, privilege)
        or privilege in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege(${role}, c.oid, privilege)
    union all
    select distinct format('%s EXECUTE %s', nspname, proname) from ours join pg_proc p on p.pronamespace = ours.oid
      where has_function_privilege(${role}, p.oid, 'execute')
        and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    union all
    select format('%s USAGE %s', nspname, relname) from ours join pg_class c on c.relnamespace = ours.oid
      where case when c.relkind = 'S' then has_sequence_privilege(${role}, c.oid, 'usage') else false end
    union all
    select format('%s CREATE %s', nspname, 'tables') from ours where has_schema_privilege(${role}, oid, 'create')`;
  return rows.map(({ line }) => line).toSorted();
}

test.each(LOGIN_ROLES)('the operator guide lists exactly what %s may do', async (role) => {
  expect(documented(role)).toEqual(await granted(role));
});

test('a role enters only the schemas in which it may do something', async () => {
  for (const role of LOGIN_ROLES) {
    const rows = await owner<{ name: string }[]>`select nspname as name from pg_namespace
      where has_schema_privilege(${role}, oid, 'usage') and nspname !~ '^pg_'
        and nspname not in ('information_schema', 'public') order by 1`;
    const named = new Set(documented(role).map((line) => line.split(' ')[0]));
    expect(
      rows.map(({ name }) => name),
      role,
    ).toEqual([...named].toSorted());
  }
});

test('the roles of the guide are the database’s, and the owner of everything cannot log in', async () => {
  const listed = [...guide.matchAll(/^### (core_app|bridgework_[a-z]+)$/gm)].map(([, role]) => role);
  expect(listed.toSorted()).toEqual([...LOGIN_ROLES].toSorted());
  const foreign =
    await owner`select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('base', 'appointment', 'billing', 'inventory', 'integration', 'outbox', 'audit', 'idempotency')
      and c.relkind in ('r', 'p', 'v', 'S') and c.relowner <> 'bridgework_owner'::regrole`;
  expect([...foreign]).toEqual([]);
  const [row] = await owner`select rolcanlogin as login from pg_roles where rolname = 'bridgework_owner'`;
  expect(row?.login).toBe(false);
});
