import { ID_PREFIXES, isId, newId } from '@bridgework/kernel/ids';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';

test('an id has the shape of its kind and of no other, and never comes twice', () => {
  const ids = ID_PREFIXES.flatMap((prefix) => Array.from({ length: 200 }, () => ({ prefix, id: newId(prefix) })));
  expect(new Set(ids.map(({ id }) => id)).size).toBe(ids.length);
  for (const { prefix, id } of ids) {
    expect(ID_PREFIXES.filter((one) => isId(one, id))).toEqual([prefix]);
  }
});

test('ids made by the database are of the same kind', async () => {
  const database = await createDatabase();
  const sql = postgres(database.ownerUrl, { max: 1 });
  const rows = await sql<{ id: string }[]>`select base.new_id('apt') as id from generate_series(1, 200)`;
  await sql.end();
  await database.drop();
  expect(new Set(rows.map(({ id }) => id)).size).toBe(200);
  expect(rows.filter(({ id }) => !isId('apt', id))).toEqual([]);
});
