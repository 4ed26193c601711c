import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, isFree, placeOfData } from '@bridgework/kernel/embedded-postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';

const program = fileURLToPath(new URL('../../launcher/bin/start.js', import.meta.url));
const START_MS = 120_000;

interface Credentials {
  readonly gateway_url: string;
  readonly managers: readonly { readonly name: string; readonly jwt: string }[];
  readonly partners: readonly { readonly token: string; readonly documents: Record<string, string> }[];
  readonly webhook: { readonly receiver_url: string };
}

let dataDir: string;
let environment: NodeJS.ProcessEnv;
let launcher: ChildProcess;
let output = '';

beforeAll(async () => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'bridgework-sandbox-')), 'data');
  const [port, pgPort] = [await freePort(), await freePort()];
  environment = {
    PATH: process.env.PATH,
    DATA_DIR: dataDir,
    PORT: String(port),
    PG_PORT: String(pgPort),
    METRICS_PORT: '0',
  };
  await start();
}, START_MS);

afterAll(async () => {
  if (launcher.exitCode === null) await stop();
  run('reset');
  rmSync(join(dataDir, '..'), { recursive: true, force: true });
}, START_MS);

async function start(): Promise<void> {
  output = '';
  launcher = spawn(process.execPath, [program], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [launcher.stdout, launcher.stderr]) {
    stream?.on('data', (chunk) => {
      output += String(chunk);
    });
  }
  await eventually(() => (output.includes('Ctrl-C stops everything') || launcher.exitCode !== null) && output, {
    withinMs: START_MS,
  });
  expect(output).toContain('Bridgework is ready');
}

async function stop(): Promise<number | null> {
  launcher.kill('SIGINT');
  const [code] = await once(launcher, 'exit');
  return code as number | null;
}

const run = (command: string, extra: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [program, command], { env: { ...environment, ...extra }, encoding: 'utf8' });
const credentials = () => JSON.parse(readFileSync(join(dataDir, 'sandbox-credentials.json'), 'utf8')) as Credentials;

/** A child of the launcher by its command line; 0 while there is none. */
function pidOf(entry: string): number {
  const isOurs = (pid: string) => {
    try {
      const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1];
      return parent === String(launcher.pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(entry);
    } catch {
      return false;
    }
  };
  return Number(readdirSync('/proc').find((name) => /^\d+$/.test(name) && isOurs(name)) ?? 0);
}

/** The day sheet of the example partner; its status, or undefined while nobody answers. */
async function askDaySheet(): Promise<{ status: number; body: string } | undefined> {
  const { gateway_url: gateway, partners } = credentials();
  const [partner] = partners;
  try {
    const answer = await fetch(`${gateway}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${partner?.token}` },
      body: JSON.stringify({
        documentId: partner?.documents.DaySheet,
        variables: { from: '2020-01-01T00:00:00.000Z', to: '2100-01-01T00:00:00.000Z', first: 2 },
      }),
    });
    return { status: answer.status, body: await answer.text() };
  } catch {
    return undefined;
  }
}

async function simulate(type: string, key: string): Promise<void> {
  const { gateway_url: gateway, managers } = credentials();
  const answer = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${managers[0]?.jwt}` },
    body: JSON.stringify({
      query:
        'mutation($type: EventType!, $key: String!) { simulateCoreEvent(type: $type, idempotencyKey: $key) { id } }',
      variables: { type, key },
    }),
  });
  expect(await answer.text()).toContain('req_');
}

async function receivedCount(type: string): Promise<number> {
  const shown = await (await fetch(credentials().webhook.receiver_url)).json();
  return (shown as { eventType: string; verified: boolean }[]).filter(
    ({ eventType, verified }) => eventType === type && verified,
  ).length;
}

test('the example partner works at once, and so does its webhook', async () => {
  expect(statSync(join(dataDir, 'sandbox-credentials.json')).mode & 0o777).toBe(0o600);
  const daySheet = await askDaySheet();
  expect(daySheet?.status).toBe(200);
  expect(daySheet?.body).toContain('"phoneMasked"');
  await simulate('appointment.completed', 'sandbox-test-1');
  await eventually(async () => (await receivedCount('appointment.completed')) === 1);
});

test('the gateway that runs knows no database', () => {
  const known = readFileSync(`/proc/${pidOf('gateway/dist/main.js')}/environ`, 'utf8');
  expect(known).not.toMatch(/postgres|DATABASE/);
});

test.each(['subgraphs/host', 'gateway', 'workers'])('killed, %s comes back and nothing is lost', async (part) => {
  const pid = pidOf(`${part}/dist/main.js`);
  const before = await receivedCount('invoice.created');
  if (part === 'workers') await simulate('invoice.created', 'sandbox-test-2');
  process.kill(pid, 'SIGKILL');
  await eventually(() => pidOf(`${part}/dist/main.js`) > 0 && pidOf(`${part}/dist/main.js`) !== pid);
  await eventually(async () => (await askDaySheet())?.status === 200, { withinMs: 20_000 });
  if (part === 'workers') {
    await eventually(async () => (await receivedCount('invoice.created')) === before + 1, { withinMs: 20_000 });
  }
});

test('a second launcher, and a reset while it runs, are refused by a sentence', () => {
  expect(run('start').stderr).toContain(`Another launcher (process ${launcher.pid}) already runs`);
  expect(run('reset').stderr).toContain(`is running (process ${launcher.pid})`);
});

test(
  'Ctrl-C leaves no process, socket or lock behind, and the next start has everything still',
  async () => {
    const token = credentials().partners[0]?.token;
    const postmaster = Number(
      readFileSync(join(placeOfData(join(dataDir, 'postgres')), 'postmaster.pid'), 'utf8').split('\n')[0],
    );
    const pids = [postmaster, ...['subgraphs/host', 'gateway', 'workers'].map((part) => pidOf(`${part}/dist/main.js`))];
    expect(pids.every((pid) => existsSync(`/proc/${pid}`))).toBe(true);
    expect(await stop()).toBe(0);
    await eventually(() => pids.every((pid) => isGone(pid)));
    expect(readdirSync(join(dataDir, 'sockets'))).toEqual([]);
    expect(existsSync(join(dataDir, 'launcher.pid'))).toBe(false);
    expect(await isFree(Number(environment.PORT))).toBe(true);

    await start();
    expect(output).not.toContain('Filling the clinic');
    expect(credentials().partners[0]?.token).toBe(token);
    expect((await askDaySheet())?.status).toBe(200);
  },
  START_MS,
);

test(
  'a launcher that was killed takes its processes with it, and the next one takes over',
  async () => {
    launcher.kill('SIGKILL');
    await once(launcher, 'exit');
    await start();
    expect((await askDaySheet())?.status).toBe(200);
    expect(await stop()).toBe(0);
  },
  START_MS,
);

test('names the port that is taken', async () => {
  const other = createServer().listen(Number(environment.PORT), '127.0.0.1');
  await once(other, 'listening');
  const { stderr, status } = run('start');
  expect(stderr).toContain(`Port ${environment.PORT} on 127.0.0.1 is taken by another program.`);
  expect(status).toBe(1);
  await new Promise((resolve) => other.close(resolve));
});

/** A zombie has ended; who should have reaped it is not ours to say. */
function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}
