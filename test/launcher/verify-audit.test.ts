import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AUDIT_HEADS_FILE, signHead } from '@bridgework/kernel/audit-heads';
import { type AuditHead, readAuditHead, sealAuditEntries, verifyAuditChain } from '@bridgework/kernel/audit-seals';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import { type AuditSource, verifyAudit } from '@bridgework/launcher';
import type { Sql } from 'postgres';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const program = fileURLToPath(new URL('../../launcher/bin/start.js', import.meta.url));
const key = { keyId: 'audit-1', privateKey: generateKeyPairSync('ed25519').privateKey };
const publicKey = createPublicKey(key.privateKey);

let database: TestDatabase;
let owner: Sql;
let workers: Database;
let folder: string;
let source: AuditSource;

beforeEach(async () => {
  database = await createDatabase();
  owner = database.as('owner', 1);
  workers = openDatabase({ url: database.urlFor('bridgework_workers'), applicationName: 'test', maxConnections: 1 });
  folder = mkdtempSync(join(tmpdir(), 'bridgework-audit-'));
  source = {
    databaseUrl: database.urlFor('bridgework_workers'),
    headsFile: join(folder, AUDIT_HEADS_FILE),
    publicKeys: new Map([[key.keyId, publicKey]]),
  };
});
afterEach(async () => {
  await workers.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes and seals entries, and gives the head. */
async function grow(entries: number): Promise<AuditHead> {
  await owner`select audit.append('user a', null, 'token.issue', 'token', 'tok_x', 'OK', null, 'req_x')
    from generate_series(1, ${entries})`;
  await sealAuditEntries(workers.db, 1_000);
  const head = await readAuditHead(workers.db);
  if (head === null) throw new Error('nothing was sealed');
  return head;
}

const lineOf = (head: AuditHead, signedWith = key): string =>
  `${JSON.stringify(signHead(signedWith, head, new Date()))}\n`;
const keep = (...lines: string[]): void => writeFileSync(source.headsFile, lines.join(''));

/** With a superuser's hands, and the triggers out of the way. */
const tamper = (...statements: string[]) =>
  owner.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    for (const statement of statements) await tx.unsafe(statement);
  });

test('a log that is whole is called whole, with every exported head', async () => {
  keep(lineOf(await grow(3)), lineOf(await grow(4)));
  const report = await verifyAudit(source);
  expect(report).toMatchObject({ whole: true });
  expect(report.lines.join('\n')).toMatch(/up to position 7[\s\S]*2 exported heads agree/);
});

test('an edited row is named by its place and its id', async () => {
  keep(lineOf(await grow(5)));
  await tamper(
    "update audit.entries set actor = 'user b' where key = (select entry_key from audit.seals where position = 3)",
  );
  const { whole, lines } = await verifyAudit(source);
  expect(whole).toBe(false);
  expect(lines.join('\n')).toMatch(
    /NOT whole[\s\S]*up to position 2;[\s\S]*position 3 \(entry aud_[a-z0-9]{26}\): an entry, its place/,
  );
});

test('a tail that was cut off shows, although the chain has grown again and a newer head agrees', async () => {
  const early = await grow(10);
  await tamper(
    'delete from audit.entries where key in (select entry_key from audit.seals where position > 6)',
    'delete from audit.seals where position > 6',
  );
  keep(lineOf(early), lineOf(await grow(20)));
  const { whole, lines } = await verifyAudit(source);
  expect(whole).toBe(false);
  expect(lines.join('\n')).toContain('Fault at position 10: the exported head is not in the chain');
});

test('heads that somebody else signed, or that were lost, are said', async () => {
  const head = await grow(2);
  const other = { keyId: key.keyId, privateKey: generateKeyPairSync('ed25519').privateKey };
  keep(lineOf(head), lineOf({ ...head, position: 1 }, other), 'no head\n');
  expect((await verifyAudit(source)).lines.join('\n')).toMatch(/not signed by the audit key[^\n]*line 2, 3/);
  rmSync(source.headsFile);
  const { whole, lines } = await verifyAudit(source);
  expect(whole).toBe(false);
  expect(lines.join('\n')).toContain('No exported head');
});

test('entries that nobody seals are counted', async () => {
  keep(lineOf(await grow(1)));
  await owner`select audit.append('user a', null, 'token.issue', 'token', 'tok_x', 'OK', null, 'req_x')`;
  expect((await verifyAudit(source)).whole).toBe(true);
  await tamper("update audit.unsealed set waiting_since = waiting_since - interval '6 s'");
  expect((await verifyAudit(source)).lines.join('\n')).toContain('1 entries have waited');
});

test('npm run audit:verify ends with 0 or 1, in plain words', async () => {
  keep(lineOf(await grow(2)));
  const settings = {
    PATH: process.env.PATH,
    DATA_DIR: folder,
    WORKERS_DATABASE_URL: source.databaseUrl,
    AUDIT_PUBLIC_KEY: `audit-1:${publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`,
  };
  const run = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [program, 'audit:verify'], { env, encoding: 'utf8' });
  expect(run(settings)).toMatchObject({ status: 0, stdout: expect.stringContaining('The audit log is whole.') });
  await tamper('delete from audit.seals where position = 1');
  expect(run(settings)).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('Fault at position 1: a seal was deleted'),
  });
  const nobody = run({ PATH: process.env.PATH, DATA_DIR: folder });
  expect(nobody).toMatchObject({ status: 1, stderr: expect.stringContaining('There is no sandbox in') });
  const { AUDIT_PUBLIC_KEY: _, ...unsigned } = settings;
  expect(run(unsigned)).toMatchObject({ status: 1, stderr: expect.stringContaining('AUDIT_PUBLIC_KEY is missing') });
}, 180_000);

test('a log longer than one piece is verified in pieces, and what was deleted at a seam is located', async () => {
  for (let grown = 0; grown < 21_000; grown += 7_000) {
    await owner`select audit.append('user a', null, 'token.issue', 'token', 'tok_x', 'OK', null, 'req_x')
      from generate_series(1, 7000)`;
    await owner`select audit.seal(7000)`;
  }
  const whole = await verifyAuditChain(workers.db);
  expect(whole).toMatchObject({ verifiedPosition: 21_000, complete: true, faults: [] });
  expect(await verifyAuditChain(workers.db, { withinMs: -1, afterPosition: 10_000 })).toMatchObject({
    verifiedPosition: 10_000,
    complete: false,
  });
  // The last of the first piece, the first of the third.
  await tamper('delete from audit.seals where position in (10000, 20001)');
  const broken = await verifyAuditChain(workers.db);
  expect(broken.faults.filter(({ kind }) => kind === 'SEAL_MISSING').map(({ position }) => position)).toEqual([
    10_000, 20_001,
  ]);
  expect(broken.verifiedPosition).toBe(9_999);
});
