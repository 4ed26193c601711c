import type { Context } from '@bridgework/kernel/context';
import { openDatabase } from '@bridgework/kernel/database';
import { createLogger } from '@bridgework/kernel/logger';
import { prepared, preparedParts, type WhenGiven } from '@bridgework/kernel/prepared';
import { and, asc, eq, gte, sql } from 'drizzle-orm';
import { bigint, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';

const database = await createDatabase();
const { db, close } = openDatabase({ url: database.ownerUrl, applicationName: 'test', maxConnections: 1 });
const ctx: Context = {
  db,
  caller: { kind: 'gateway', gatewayId: 'gw' },
  now: () => new Date(),
  log: createLogger('test', { level: 'silent' }),
  requestId: 'req_1',
};
const animals = pgTable('animals', {
  key: bigint({ mode: 'number' }).notNull(),
  name: text(),
  seenAt: timestamp({ withTimezone: true, precision: 3 }).notNull(),
});
const SEEN = new Date('2026-03-01T08:30:00.000Z');

beforeAll(async () => {
  await db.execute(sql.raw('create table animals (key bigint, name text, seen_at timestamptz(3))'));
  await db.insert(animals).values([
    { key: 1, name: 'elephant', seenAt: SEEN },
    { key: 2, name: null, seenAt: new Date(SEEN.getTime() + 1) },
  ]);
});
afterAll(async () => {
  await close();
  await database.drop();
});

const columns = { key: animals.key, name: animals.name, seenAt: animals.seenAt };

const found = preparedParts((pool, when: WhenGiven<'since' | 'name' | 'limit'>) =>
  pool
    .select(columns)
    .from(animals)
    .where(
      and(
        when('since', (since) => gte(animals.seenAt, since)),
        when('name', (name) => eq(animals.name, name)),
      ),
    )
    .orderBy(asc(animals.key))
    .limit(sql.placeholder('limit')),
);

/** Texts that the one connection has prepared and that read the table. */
const preparedTexts = async (): Promise<string[]> => {
  const rows = await db.execute<{ statement: string }>(sql`select statement from pg_prepared_statements`);
  return rows.map(({ statement }) => statement).filter((statement) => statement.includes('from "animals"'));
};

test('rows are those that drizzle reads: instants, big numbers, expressions with a decoder, nulls', async () => {
  const select = {
    ...columns,
    doubled: sql<string>`${animals.key} * 2`.mapWith(Number),
    plain: sql<boolean>`${animals.name} is null`,
  };
  const every = prepared((pool) => pool.select(select).from(animals).orderBy(asc(animals.key)));
  const rows = await every(ctx, {});
  expect(rows).toEqual(await db.select(select).from(animals).orderBy(asc(animals.key)));
  expect(rows[0]).toEqual({ key: 1, name: 'elephant', seenAt: SEEN, doubled: 2, plain: false });
});

test('a condition whose value is null or not given is no part of the statement', async () => {
  const names = async (values: Parameters<typeof found>[1]) => (await found(ctx, values)).map(({ key }) => key);
  const after = new Date(SEEN.getTime() + 1).toISOString();
  expect(await names({ limit: 9 })).toEqual([1, 2]);
  expect(await names({ limit: 1, since: null })).toEqual([1]);
  expect(await names({ limit: 9, since: after, name: undefined })).toEqual([2]);
  expect(await names({ limit: 9, name: 'elephant' })).toEqual([1]);
  expect(await names({ limit: 9, name: 'elephant', since: after })).toEqual([]);
  expect((await preparedTexts()).filter((text) => text.includes(' is null or '))).toEqual([]);
});

test('a statement runs with its own values each time, and is prepared once for each set of given names', async () => {
  const before = await preparedTexts();
  const askedFor = async (name: string) => (await found(ctx, { limit: 7, name })).length;
  expect([await askedFor('elephant'), await askedFor('tiger'), await askedFor('elephant')]).toEqual([1, 0, 1]);
  expect((await preparedTexts()).length - before.length).toBeLessThanOrEqual(1);
});

test('nothing that drizzle would read by rules of its own is taken over', async () => {
  const nested = prepared((pool) => pool.select({ animal: columns }).from(animals));
  expect(() => nested(ctx, {})).toThrow('animal is neither');
  const constant = prepared((pool) =>
    pool
      .select(columns)
      .from(animals)
      .where(sql`${sql.param([1])} is null`),
  );
  expect(() => constant(ctx, {})).toThrow('constant');
});

test('a value that a statement needs and nobody gave is an error and not a null', async () => {
  const byName = prepared((pool) =>
    pool
      .select(columns)
      .from(animals)
      .where(eq(animals.name, sql.placeholder('name'))),
  );
  await expect(byName(ctx, {})).rejects.toThrow('lacks its value name');
});
