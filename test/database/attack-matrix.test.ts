import { LOGIN_ROLES } from '@bridgework/kernel/migrate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { APPEND_ONLY, ATTACKS } from './attacks/attacks.ts';
import { digestOfRows, writeScene } from './attacks/scene.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
  await writeScene(database);
});
afterAll(() => database.drop());

/**
 * How a refusal looks: no right, no such thing for this role, a guard of ours, a constraint, an unknown name, a wrong
 * object. A syntax error or an undefined column would mean that the attack itself is broken.
 */
const REFUSALS = /^(42501|BW00\d|23[0-9A-Z]{3}|0LP01|22023|2BP01|55000)$/;

test('there are enough attacks, each with the promise it tests', () => {
  expect(ATTACKS.length).toBeGreaterThanOrEqual(60);
  expect(ATTACKS.filter(({ promise }) => promise.trim() === '')).toEqual([]);
});

describe.each(LOGIN_ROLES)('%s', (role) => {
  const attacks = ATTACKS.filter(({ by }) => by === undefined || by.includes(role));

  test(`gets none of ${attacks.length} forbidden statements through`, async () => {
    const owner = database.as('owner', 1);
    const attacker = database.as(role, 1);
    const before = await digestOfRows(owner);
    const through: string[] = [];
    const broken: string[] = [];
    for (const { promise, statement } of attacks) {
      try {
        await attacker.unsafe(statement);
        through.push(`${promise}: ${statement}`);
      } catch (error) {
        const { code, message } = error as { readonly code: string; readonly message: string };
        if (!REFUSALS.test(code)) broken.push(`${statement}\n  → ${code} ${message}`);
      }
    }
    const after = await digestOfRows(owner);
    expect(through, 'came through').toEqual([]);
    expect(broken, 'refused for another reason than it should be').toEqual([]);
    expect(after, 'a row changed').toEqual(before);
  });
});

test.each(LOGIN_ROLES)('%s hands none of its rights on', async (role) => {
  const owner = database.as('owner', 1);
  const rights = () => owner`select c.oid::regclass::text as name, c.relacl::text as rights from pg_class c
    join pg_namespace n on n.oid = c.relnamespace where n.nspname not like 'pg%' order by 1`;
  const before = [...(await rights())];
  // PostgreSQL answers with a warning when there is nothing to hand on.
  for (const schema of ['appointment', 'billing', 'inventory', 'integration', 'outbox', 'audit', 'idempotency']) {
    await database
      .as(role, 1)
      .unsafe(`grant all on all tables in schema ${schema} to public`)
      .catch(() => undefined);
  }
  expect([...(await rights())]).toEqual(before);
});

test.each(APPEND_ONLY)('%s is append-only for its owner too', async (table) => {
  const owner = database.as('owner', 1);
  for (const statement of [`update ${table} set ctid_free = 1`, `delete from ${table}`, `truncate ${table} cascade`]) {
    const real = statement.replace('ctid_free = 1', await someColumn(table));
    await expect(
      owner.begin(async (tx) => {
        await tx`set local role bridgework_owner`;
        await tx.unsafe(real);
      }),
      real,
    ).rejects.toMatchObject({ code: 'BW001' });
  }
});

/** `column = column` for the table's first column that is not generated. */
async function someColumn(table: string): Promise<string> {
  const owner = database.as('owner', 1);
  const [row] = await owner<{ name: string }[]>`select attname as name from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and attidentity = '' order by attnum limit 1`;
  return `${row?.name} = ${row?.name}`;
}
