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

test('ids made by the database show every bit of a random UUID once: six are fixed, no digit tells of its neighbour', async () => {
  const database = await createDatabase();
  const sql = postgres(database.ownerUrl, { max: 1 });
  const rows = await sql<{ pairs: number }[]>`
    with made as materialized (select base.new_id('apt') as id from generate_series(1, 40000))
    select count(distinct substr(id, 4 + place, 2))::integer as pairs
    from made, generate_series(1, 25) as place group by place order by place`;
  await sql.end();
  await database.drop();
  // The first digit has three bits; the version leaves one of the eleventh, the variant three of the fourteenth.
  const digits = Array.from({ length: 26 }, (_, at) => ({ 0: 8, 10: 2, 13: 8 })[at] ?? 32);
  expect(rows.map(({ pairs }) => pairs)).toEqual(
    digits.slice(1).map((values, at) => values * (digits[at] ?? Number.NaN)),
  );
});
