import { readFile } from 'node:fs/promises';
import { LOGIN_ROLES, type LoginRole, migrate } from '@bridgework/kernel/migrate';
import { afterEach, expect, inject, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase | undefined;
afterEach(() => database?.drop());

const options = ({ ownerUrl }: TestDatabase, environment: 'sandbox' | 'production') => ({
  ownerUrl,
  environment,
  rolePasswords: inject('cluster').rolePasswords,
  connectionLimit: 100,
});

test('two that migrate an empty database at once do so once', async () => {
  database = await createDatabase({ empty: true });
  const wanted = options(database, 'sandbox');
  const applied = await Promise.all([migrate(wanted), migrate(wanted)]);
  const [some, none] = applied.toSorted((one, other) => other.length - one.length);
  expect(some?.[0]).toBe('0001_base');
  expect(none).toEqual([]);
});

test('a database keeps its environment: the other one is refused in words', async () => {
  database = await createDatabase({ empty: true });
  await migrate(options(database, 'production'));
  await expect(migrate(options(database, 'sandbox'))).rejects.toThrow(
    'This database belongs to the production environment, but CLINIC_ENV says sandbox.',
  );
  const registry = database.as('bridgework_integration');
  expect([...(await registry`select name from integration.environment`)]).toEqual([{ name: 'production' }]);
  await expect(
    registry`insert into integration.core_event_requests (event_type, requested_by) values ('visit.completed', 'x')`,
  ).rejects.toMatchObject({ code: 'BW007' });
  await expect(
    registry`insert into integration.integrations (name, purpose, created_by, ad_hoc) values ('x', 'x', 'x', true)`,
  ).rejects.toMatchObject({ code: 'BW007' });
});

test('each login comes in with its password, is nobody’s member, and has its limits', async () => {
  database = await createDatabase();
  for (const role of LOGIN_ROLES) {
    const [row] = await database.as(role, 1)`select session_user as me, current_setting('lock_timeout') as lock,
      current_setting('idle_in_transaction_session_timeout') as idle, current_setting('statement_timeout') as statement,
      (select count(*)::integer from pg_auth_members where member = session_user::regrole) as memberships`;
    expect(row).toMatchObject({ me: role, memberships: 0, ...limitsOf(role) });
  }
});

const limitsOf = (role: LoginRole) =>
  role === 'core_app'
    ? { lock: '0', idle: '0', statement: '0' }
    : { lock: '1s', idle: '2s', statement: role === 'bridgework_workers' ? '15s' : '5s' };

test('nothing of ours is open to everybody', async () => {
  database = await createDatabase();
  const owner = database.as('owner', 1);
  const open = await owner`
    select p.oid::regprocedure::text as what from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('base', 'appointment', 'billing', 'inventory', 'integration', 'outbox', 'audit', 'idempotency')
      and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
      and has_function_privilege('public', p.oid, 'execute')
    union all
    select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relkind in ('r', 'v', 'm', 'p', 'S')
      and has_table_privilege('public', c.oid, 'select')`;
  expect([...open]).toEqual([]);
});

test('every definer function names its search path', async () => {
  database = await createDatabase();
  const loose = await database.as('owner', 1)`select oid::regprocedure::text as name from pg_proc
    where prosecdef and not coalesce(array_to_string(proconfig, ',') like '%search_path=pg_catalog, pg_temp%', false)`;
  expect([...loose]).toEqual([]);
});

test('the journal is in time order: a migration that is older than the last applied one would be skipped', async () => {
  const { entries } = JSON.parse(
    await readFile(new URL('../../schema/migrations/meta/_journal.json', import.meta.url), 'utf8'),
  ) as { entries: { idx: number; tag: string; when: number }[] };
  expect(entries.map(({ idx }) => idx)).toEqual(entries.map((_, position) => position));
  expect(entries.map(({ when }) => when)).toEqual(
    [...new Set(entries.map(({ when }) => when))].toSorted((a, b) => a - b),
  );
  expect(entries.map(({ tag }) => tag)).toEqual(entries.map(({ tag }) => tag).toSorted());
});
