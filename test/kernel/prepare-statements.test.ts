import { openDatabase } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';
import { afterAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';

const database = await createDatabase();
const { db, close } = openDatabase({ url: database.ownerUrl, applicationName: 'test', maxConnections: 1 });
afterAll(async () => {
  await close();
  await database.drop();
});

/** What the one connection has prepared, by a word of its text. */
const preparedWith = async (word: string): Promise<number> => {
  const rows = await db.execute<{ statement: string }>(sql`select statement from pg_prepared_statements`);
  return rows.filter(({ statement }) => statement.includes(word)).length;
};

test('a statement with values is prepared once, however often it runs, in transactions and savepoints too', async () => {
  const ask = (on: Pick<typeof db, 'execute'>, value: number) => on.execute(sql`select ${value}::int as elephant`);
  for (const value of [1, 2]) expect(await ask(db, value)).toEqual([{ elephant: value }]);
  await db.transaction(async (tx) => {
    expect(await ask(tx, 3)).toEqual([{ elephant: 3 }]);
    await tx.execute(sql`select ${4}::int as outer_tiger`);
    await tx.transaction((inner) => inner.execute(sql`select ${5}::int as inner_lion`));
  });
  expect(await Promise.all(['elephant', 'outer_tiger', 'inner_lion'].map(preparedWith))).toEqual([1, 1, 1]);
});

test('a text that is different for each length of its list is not kept', async () => {
  const list = sql.join(
    Array.from({ length: 65 }, (_, index) => sql`${index}::int`),
    sql`, `,
  );
  await db.execute(sql`select array[${list}] as giraffe`);
  expect(await preparedWith('giraffe')).toBe(0);
});

test('a prepared statement survives a change of its table', async () => {
  await db.execute(sql.raw('create table changing (a int)'));
  const ask = () => db.execute(sql`select * from changing where a is distinct from ${1}::int`);
  await ask();
  await db.execute(sql.raw('alter table changing add column b int'));
  await db.execute(sql.raw('insert into changing values (2, 3)'));
  expect(await ask()).toEqual([{ a: 2, b: 3 }]);
});

test('what fails inside a transaction is rolled back with it', async () => {
  await db.execute(sql.raw('create table kept (a int)'));
  const failing = db.transaction(async (tx) => {
    await tx.execute(sql`insert into kept values (${1}::int)`);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await db.execute(sql`select * from kept where a = ${1}::int`)).toEqual([]);
});
