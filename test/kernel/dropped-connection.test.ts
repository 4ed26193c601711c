import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';

/** PostgreSQL behind a door that can be shut on everybody at once, in the orderly way of a server that goes down. */
const open = new Set<Socket>();
let resetsAtTypes = false;
const database = await createDatabase();
const target = new URL(database.ownerUrl);
const door = createServer((client) => {
  const server = connect(Number(target.port), target.hostname);
  open.add(client);
  client.on('close', () => {
    open.delete(client);
    server.destroy();
  });
  server.on('close', () => client.destroy());
  for (const one of [client, server]) one.on('error', () => undefined);
  client.on('data', (chunk: Buffer) => {
    if (resetsAtTypes && chunk.includes('pg_catalog.pg_type')) client.resetAndDestroy();
  });
  client.pipe(server).pipe(client);
});
const url = new URL(target);

beforeAll(async () => {
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  url.hostname = '127.0.0.1';
  url.port = String((door.address() as AddressInfo).port);
});
afterAll(async () => {
  door.close();
  await database.drop();
});

async function shut(): Promise<void> {
  await Promise.all(
    [...open].map((one) => {
      const closed = once(one, 'close');
      one.destroy();
      return closed;
    }),
  );
}

test('a connection that ends inside a transaction fails that transaction and nothing else', async () => {
  const sql = postgres(url.href, { max: 1, backoff: () => 0.01 });
  const work = sql.begin(async (tx) => {
    await tx`select 1`;
    await shut();
    await tx`select 2`;
  });
  await expect(work).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  expect(await sql`select 3 as n`).toEqual([{ n: 3 }]);
  await sql.end();
});

test('what a transaction still asks for after its connection ended is done nowhere else', async () => {
  const sql = postgres(url.href, { max: 1, backoff: () => 0.01 });
  let goOn = (): void => undefined;
  const stands = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const abandoned: Promise<unknown>[] = [];
  const work = sql.begin(async (tx) => {
    await tx`create table wanted (n integer)`;
    await shut();
    await stands;
    // By now the pool has a new connection, and this would be committed by itself.
    const late = tx`create table left_over (n integer)`;
    abandoned.push(late.then(undefined, (error: unknown) => error));
    await late;
  });
  await expect(work).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  await sql`select 1`;
  goOn();
  await stands;
  expect(await Promise.all(abandoned)).toMatchObject([{ code: 'CONNECTION_CLOSED' }]);
  expect(await sql`select to_regclass('wanted') as wanted, to_regclass('left_over') as left_over`).toEqual([
    { wanted: null, left_over: null },
  ]);
  await sql.end();
});

test('a connection that is reset while its types are asked for fails its statement, and nothing is left uncaught', async () => {
  const uncaught: unknown[] = [];
  const note = (reason: unknown) => uncaught.push(reason);
  process.on('unhandledRejection', note);
  const sql = postgres(url.href, { max: 1, backoff: () => 0.01 });
  resetsAtTypes = true;
  await expect(sql`select 1`).rejects.toMatchObject({ code: 'ECONNRESET' });
  resetsAtTypes = false;
  expect(await sql`select '{1,2}'::integer[] as numbers`).toEqual([{ numbers: [1, 2] }]);
  process.off('unhandledRejection', note);
  expect(uncaught).toEqual([]);
  await sql.end();
});

test('however often and whenever connections end, the pool is whole afterwards', async () => {
  const sql = postgres(url.href, { max: 4, backoff: () => 0.005 });
  let goesOn = true;
  const work = async () => {
    while (goesOn) {
      await sql
        .begin(async (tx) => {
          await tx`select 1`;
          await tx`select ${'text'}::text`;
        })
        .catch(() => undefined);
      await sql`select 1`.catch(() => undefined);
    }
  };
  const workers = Array.from({ length: 8 }, work);
  for (let round = 0; round < 60; round += 1) {
    await sql`select ${round}::integer`.catch(() => undefined);
    await shut();
  }
  goesOn = false;
  await Promise.all(workers);
  const answers = await Promise.all(Array.from({ length: 4 }, () => sql`select pg_sleep(0.05), 1 as n`));
  expect(answers.map(([row]) => row?.n)).toEqual([1, 1, 1, 1]);
  await sql.end();
});
