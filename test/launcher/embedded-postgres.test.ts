import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type EmbeddedPostgres, freePort, startEmbeddedPostgres } from '@bridgework/kernel/embedded-postgres';
import postgres from 'postgres';
import { afterEach, expect, test } from 'vitest';

const folders: string[] = [];
const servers: EmbeddedPostgres[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bridgework-postgres-'));
  folders.push(folder);
  // We may be root, and the database's account must come through.
  chmodSync(folder, 0o711);
  return join(folder, 'data', 'postgres');
}

async function start(dataDir: string, port = 0): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, port, superuserPassword: 'p@ss:/word', throwaway: true });
  servers.push(server);
  return server;
}

async function ask<Row extends object>(server: EmbeddedPostgres, text: string): Promise<Row[]> {
  const sql = postgres(server.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    return (await sql.unsafe(text)) as unknown as Row[];
  } finally {
    await sql.end();
  }
}

const postmasterOf = (server: EmbeddedPostgres): number =>
  Number(readFileSync(join(server.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);

test('starts a server that stores Arabic, speaks UTF-8 and listens on loopback alone', async () => {
  const server = await start(newFolder());
  await ask(server, "create table names (name text); insert into names values ('هدى'), ('عمر'), ('أحمد')");
  expect(await ask(server, 'select name from names order by name')).toEqual([
    { name: 'أحمد' },
    { name: 'عمر' },
    { name: 'هدى' },
  ]);
  const settings = await ask<{ name: string; setting: string }>(
    server,
    "select name, setting from pg_settings where name in ('server_encoding', 'listen_addresses', 'unix_socket_directories', 'password_encryption') order by name",
  );
  expect(settings.map(({ setting }) => setting)).toEqual(['127.0.0.1', 'scram-sha-256', 'UTF8', '']);
});

test('refuses a connection without the password', async () => {
  const server = await start(newFolder());
  const sql = postgres(server.ownerUrl.replace(/:[^:@]+@/, ':wrong@'), { max: 1 });
  await expect(sql`select 1`).rejects.toMatchObject({ code: '28P01' });
  await sql.end();
});

test('adopts the server that a killed launcher left behind', async () => {
  const dataDir = newFolder();
  const first = await start(dataDir);
  const second = await start(dataDir);
  expect(first.adopted).toBe(false);
  expect(second).toMatchObject({ adopted: true, port: first.port });
});

test('keeps its data over a stop and a kill of the postmaster', async () => {
  const dataDir = newFolder();
  const first = await start(dataDir);
  await ask(first, 'create table kept (n int); insert into kept values (1)');
  await first.stop();
  const second = await start(dataDir);
  expect(second.adopted).toBe(false);
  await ask(second, 'insert into kept values (2)');
  process.kill(postmasterOf(second), 'SIGKILL');
  const third = await start(dataDir);
  expect(third.adopted).toBe(false);
  expect(await ask(third, 'select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('says which port is taken', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  await expect(start(newFolder(), port)).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken by another program.`);
  await new Promise((resolve) => other.close(resolve));
});

test('says what to do about a half-initialised folder and touches nothing in it', async () => {
  const dataDir = newFolder();
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, 'base'), 'half');
  await expect(start(dataDir)).rejects.toThrow('half initialised');
  expect(readFileSync(join(dataDir, 'base'), 'utf8')).toBe('half');
});

test('starts although the folder above is closed to the account that root hands the database to', async () => {
  const dataDir = newFolder();
  chmodSync(dirname(dirname(dataDir)), 0o700);
  const server = await start(dataDir);
  expect(await ask(server, 'select 1 as one')).toEqual([{ one: 1 }]);
  folders.push(server.dataDir);
});
