import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Receiver } from '../support/receiver.ts';
import { AUDIT_SIGNING_KEY, openWebhookClinic, SECRETS_KEY, type WebhookClinic } from '../support/webhook-clinic.ts';

/** The worker process itself, killed, frozen and told to stop by its id. */
const MAIN = fileURLToPath(new URL('../../workers/src/main.ts', import.meta.url));

let clinic: WebhookClinic;
const children: ChildProcess[] = [];

beforeEach(async () => {
  clinic = await openWebhookClinic();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await clinic.close();
});

async function forkWorkers(receiver: Receiver): Promise<ChildProcess> {
  const child = fork(MAIN, {
    execArgv: ['--conditions=@bridgework/source', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      CLINIC_ENV: 'sandbox',
      LOG_LEVEL: 'error',
      WORKERS_DATABASE_URL: clinic.urlFor('bridgework_workers'),
      SECRETS_KEY,
      AUDIT_SIGNING_KEY,
      DATA_DIR: clinic.dataDir,
      EGRESS_ALLOW: receiver.origin,
    },
  });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`The workers ended with ${code}.`)));
  });
  return child;
}

const count = async (state: string): Promise<number> => {
  const [row] = await clinic.sql<[{ n: number }]>`
    select count(*)::integer as n from integration.deliveries where state = ${state}`;
  return row.n;
};

test('kill -9 in the middle of deliveries loses none and repeats no more than were on the way', async () => {
  const receiver = await clinic.receiver();
  await clinic.endpoint({ url: receiver.url, timeoutMs: 1_000 });
  receiver.answer(() => 'never');
  const first = await forkWorkers(receiver);
  for (let i = 0; i < 30; i += 1) await clinic.emit();
  await eventually(() => receiver.events.length === 4);
  first.kill('SIGKILL');
  receiver.answer(() => 200);
  await forkWorkers(receiver);
  await eventually(async () => (await count('DELIVERED')) === 30, { withinMs: 20_000 });
  expect(receiver.events.length).toBeLessThanOrEqual(34);
  expect(new Set(receiver.events.map(({ payload }) => payload.event_id)).size).toBe(30);
});

test('a worker that sleeps through its lease comes back too late to say what became of it', async () => {
  const receiver = await clinic.receiver();
  await clinic.endpoint({ url: receiver.url, timeoutMs: 1_000 });
  let answerFirst = () => undefined as unknown;
  receiver.answer(async (_, arrived) => {
    if (arrived > 1) return 200;
    await new Promise((resolve) => {
      answerFirst = () => resolve(undefined);
    });
    return 500;
  });
  const sleeper = await forkWorkers(receiver);
  const eventId = await clinic.emit();
  await eventually(() => receiver.events.length === 1);
  sleeper.kill('SIGSTOP');
  answerFirst();
  await forkWorkers(receiver);
  await eventually(async () => (await count('DELIVERED')) === 1, { withinMs: 20_000 });
  sleeper.kill('SIGCONT');
  // Whatever the sleeper had to say, it has said once it has stopped in good order.
  sleeper.kill('SIGTERM');
  await eventually(() => sleeper.exitCode !== null, { withinMs: 15_000 });
  const attempts = await clinic.sql`
    select a.outcome, d.state from integration.delivery_attempts a
    join integration.deliveries d on d.key = a.delivery_key where d.event_id = ${eventId}`;
  expect(attempts).toEqual([{ outcome: 'ok', state: 'DELIVERED' }]);
});

test('SIGTERM drains: the process ends with 0, nothing is lost, nothing sent twice', async () => {
  const receiver = await clinic.receiver();
  await clinic.endpoint({ url: receiver.url });
  const first = await forkWorkers(receiver);
  for (let i = 0; i < 50; i += 1) await clinic.emit();
  await eventually(() => receiver.events.length > 5);
  first.kill('SIGTERM');
  await eventually(() => first.exitCode === 0, { withinMs: 15_000 });
  expect(await count('LEASED')).toBe(0);
  expect(await count('DELIVERED')).toBe(receiver.events.length);
  await forkWorkers(receiver);
  await eventually(async () => (await count('DELIVERED')) === 50);
  expect(receiver.events).toHaveLength(50);
});
