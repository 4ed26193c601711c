import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../../launcher/bin/', import.meta.url));
const lock = fileURLToPath(new URL('../../package-lock.json', import.meta.url));

let checkout: string;
/** A stand-in for the package manager: notes each call, takes a moment, fails as told. */
const npm = `
const { appendFileSync, mkdirSync } = require('node:fs');
appendFileSync('calls', process.argv.slice(2, 3) + '\\n');
mkdirSync('node_modules', { recursive: true });
setTimeout(() => process.exit((process.env.FAILING ?? '').split(',').includes(process.argv[2]) ? 1 : 0), 300);
`;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'bridgework-install-'));
  mkdirSync(join(checkout, 'launcher/bin'), { recursive: true });
  writeFileSync(join(checkout, 'package.json'), '{"type":"module"}');
  copyFileSync(join(bin, 'ensure-installed.js'), join(checkout, 'launcher/bin/ensure-installed.js'));
  writeFileSync(join(checkout, 'package-lock.json'), '{"lockfileVersion":3}');
  mkdirSync(join(checkout, 'npm'));
  writeFileSync(join(checkout, 'npm/package.json'), '{"type":"commonjs"}');
  writeFileSync(join(checkout, 'npm/npm-cli.js'), npm);
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

function ensureInstalled(failing = ''): ChildProcess {
  return spawn(process.execPath, [join(checkout, 'launcher/bin/ensure-installed.js')], {
    stdio: 'ignore',
    env: { ...process.env, npm_execpath: join(checkout, 'npm/npm-cli.js'), FAILING: failing },
  });
}
const exitOf = async (child: ChildProcess): Promise<number | null> => (await once(child, 'exit'))[0] as number | null;
const calls = () => readFileSync(join(checkout, 'calls'), 'utf8').trim().split('\n');

test('the lock file names every platform, so that npm ci accepts it from any registry', () => {
  const check = spawnSync(process.execPath, [join(bin, 'complete-lock.js'), '--check'], { encoding: 'utf8' });
  expect(check.stderr).toBe('');
  expect(check.status).toBe(0);
});

test('the lock file carries no download address', () => {
  expect(readFileSync(lock, 'utf8')).not.toMatch(/"resolved": "https?:/);
});

test('installs once, however many commands begin at the same moment', async () => {
  const codes = await Promise.all([ensureInstalled(), ensureInstalled(), ensureInstalled()].map(exitOf));
  expect(codes).toEqual([0, 0, 0]);
  expect(calls()).toEqual(['ci']);
});

test('installs again when the lock file changes, and only then', async () => {
  expect(await exitOf(ensureInstalled())).toBe(0);
  expect(await exitOf(ensureInstalled())).toBe(0);
  expect(calls()).toEqual(['ci']);
  writeFileSync(join(checkout, 'package-lock.json'), '{"lockfileVersion":3,"packages":{}}');
  expect(await exitOf(ensureInstalled())).toBe(0);
  expect(calls()).toEqual(['ci', 'ci']);
});

test('falls back to npm install when npm ci refuses', async () => {
  expect(await exitOf(ensureInstalled('ci'))).toBe(0);
  expect(calls()).toEqual(['ci', 'install']);
});

test('a failed installation leaves no stamp and no lock behind', async () => {
  expect(await exitOf(ensureInstalled('ci,install'))).toBe(1);
  expect(existsSync(join(checkout, '.install-lock'))).toBe(false);
  expect(await exitOf(ensureInstalled())).toBe(0);
  expect(calls()).toEqual(['ci', 'install', 'ci']);
});

test('takes over from an installation that was killed', async () => {
  const killed = spawn(process.execPath, ['-e', '']);
  await once(killed, 'exit');
  mkdirSync(join(checkout, '.install-lock'));
  writeFileSync(join(checkout, '.install-lock/pid'), String(killed.pid));
  expect(await exitOf(ensureInstalled())).toBe(0);
  expect(calls()).toEqual(['ci']);
});
