import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Supervised, supervise } from '../../launcher/src/supervise.ts';
import { eventually } from '../support/eventually.ts';

const entry = fileURLToPath(new URL('./fixtures/mortal-process.mjs', import.meta.url));
let folder: string;
let said: string[];
let supervised: Supervised | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bridgework-supervise-'));
  said = [];
});
afterEach(async () => {
  await supervised?.stop(1_000);
  rmSync(folder, { recursive: true, force: true });
});

function start(environment: Record<string, string> = {}): Supervised {
  const plan = { name: 'test process', entry, environment, logFile: join(folder, 'logs', 'test.log') };
  supervised = supervise(plan, { say: (sentence) => said.push(sentence) });
  return supervised;
}
const log = () => readFileSync(join(folder, 'logs', 'test.log'), 'utf8');

test('starts a killed process again, as often as it is killed', async () => {
  const process_ = start();
  await process_.ready;
  for (let round = 1; round <= 2; round += 1) {
    const before = process_.pid() ?? 0;
    process.kill(before, 'SIGKILL');
    await eventually(() => said.filter((sentence) => sentence.includes('serving again')).length === round);
    expect(process_.pid()).not.toBe(before);
  }
  expect(said).toContain('test process: ended unexpectedly (SIGKILL); starting it again.');
});

test('gives a process its own settings and none of ours', async () => {
  await start({ MINE: 'yes' }).ready;
  const names = JSON.parse(log().split('\n')[0] ?? '[]') as string[];
  expect(names).toContain('MINE');
  expect(names).not.toContain('HOME');
  expect(names).not.toContain('PATH');
});

test('lets it finish when it is told to stop, and does not start it again', async () => {
  const process_ = start();
  await process_.ready;
  await process_.stop(5_000);
  expect(log()).toContain('drained');
  expect(said).toEqual([]);
});

test('tells the last words of a process that never became ready', async () => {
  await expect(start({ BROKEN: 'true' }).ready).rejects.toThrow(
    /test process: ended before it was ready \(exit 1\)[\s\S]*TOKEN_PEPPER is missing/,
  );
});
