import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { OwnCluster } from '../support/own-cluster.ts';
import type { TestRedis } from '../support/redis.ts';
import type { WebhookClinic } from '../support/webhook-clinic.ts';
import { forkWorkers, killNow } from '../support/worker-process.ts';
import { type CountingReceiver, startCountingReceiver } from './counting-receiver.ts';

export interface SoakOptions {
  readonly clinic: WebhookClinic;
  readonly cluster: OwnCluster;
  readonly redis: TestRedis;
  readonly deliveries: number;
  readonly faults: number;
  readonly say: (line: string) => void;
}

export interface SoakReport {
  readonly expected: number;
  /** Distinct (event, endpoint) that a receiver has answered 2xx. */
  readonly arrived: number;
  readonly lost: number;
  /** 2xx answers beyond the first of an (event, endpoint). */
  readonly duplicates: number;
  /** What may have been on the way when a process or the database was stopped in the middle. */
  readonly allowedDuplicates: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly seconds: number;
}

const chance = (choices: number): number => Math.floor(Math.random() * choices);

const WORKERS = 2;
const MAX_IN_FLIGHT = 8;
const EVENTS_AT_ONCE = 200;

/**
 * Two worker processes on Redis, six receivers of different temper, events in batches, and faults one after another while
 * they are delivered. At the end every event has to be with every endpoint.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { clinic, redis, say } = options;
  const startedAt = performance.now();
  const receivers = await Promise.all([
    startCountingReceiver(),
    startCountingReceiver(),
    startCountingReceiver({ delayMs: 5 }),
    startCountingReceiver({ delayMs: 20 }),
    startCountingReceiver({ failEvery: 17 }),
    startCountingReceiver({ resetEvery: 29 }),
  ]);
  for (const { url } of receivers) {
    await clinic.endpoint({
      url,
      maxInFlight: MAX_IN_FLIGHT,
      timeoutMs: 2_000,
      scheduleSeconds: Array.from({ length: 20 }, () => 1),
      eventTypes: ['appointment.completed'],
    });
  }
  const allow = receivers.map(({ origin }) => origin);
  const start = () => forkWorkers(clinic, { allow, redisUrl: redis.url });
  const workers = await Promise.all(Array.from({ length: WORKERS }, start));
  const faults: Record<string, number> = {};
  let interrupted = 0;
  const producer = startProducer(clinic, { receivers, atLeast: options.deliveries });
  let expected = 0;
  try {
    const names = Object.keys(FAULTS);
    for (let count = 0; count < options.faults; count += 1) {
      const name = names[count % names.length] ?? '';
      const progress = ((count + 1) / (options.faults + 1)) * options.deliveries;
      while (arrivedAt(receivers) < progress) await wait(20);
      const cuts = await FAULTS[name]?.({ ...options, workers, receivers, start });
      interrupted += (cuts ?? 0) * MAX_IN_FLIGHT * receivers.length;
      faults[name] = (faults[name] ?? 0) + 1;
      say(`${Math.round((performance.now() - startedAt) / 1000)} s: ${name}; ${arrivedAt(receivers)} arrived`);
    }
    expected = (await producer.finish()) * receivers.length;
    await untilDelivered(clinic, expected);
  } finally {
    await producer.finish();
    await Promise.all(workers.map(killNow));
    await Promise.all(receivers.map((one) => one.close()));
  }
  const arrived = arrivedAt(receivers);
  return {
    expected,
    arrived,
    lost: expected - arrived,
    duplicates: receivers.reduce((sum, one) => sum + one.accepted() - one.distinct(), 0),
    allowedDuplicates: interrupted,
    faults,
    seconds: Math.round((performance.now() - startedAt) / 1000),
  };
}

const arrivedAt = (receivers: readonly CountingReceiver[]): number =>
  receivers.reduce((sum, one) => sum + one.distinct(), 0);

interface Load {
  readonly receivers: readonly CountingReceiver[];
  /** Deliveries. */
  readonly atLeast: number;
}

/**
 * Emits events until there are enough and it is told that the last fault is over: each fault meets a queue that is neither
 * empty nor endless. `finish` answers how many events there are.
 */
function startProducer({ sql }: WebhookClinic, { receivers, atLeast }: Load): { finish(): Promise<number> } {
  const enough = Math.ceil(atLeast / receivers.length);
  const size = Math.min(EVENTS_AT_ONCE, Math.ceil(enough / 50));
  let isLastFaultOver = false;
  async function emit(): Promise<number> {
    let emitted = 0;
    while (emitted < enough || !isLastFaultOver) {
      if (emitted - arrivedAt(receivers) / receivers.length > 10 * size) {
        await wait(20);
        continue;
      }
      const done = await sql`
        insert into outbox.events (type, entity_type, entity_id, data)
        select 'appointment.completed', 'appointment', 'apt_' || ${emitted}::integer + n,
          jsonb_build_object('id', 'apt_x', 'completed_at', now()) from generate_series(1, ${size}::integer) n`
        .then(() => true)
        // The database is restarting under our feet. What was not committed tells nobody; it is emitted again.
        .catch(() => false);
      emitted = done ? emitted + size : await countEvents(sql);
    }
    return emitted;
  }
  const emitting = emit();
  return {
    finish() {
      isLastFaultOver = true;
      return emitting;
    },
  };
}

async function countEvents(sql: WebhookClinic['sql']): Promise<number> {
  for (;;) {
    const [row] = await sql<[{ n: number }]>`select count(*)::integer as n from outbox.events`.catch(() => [undefined]);
    if (row !== undefined) return row.n;
    await wait(100);
  }
}

async function untilDelivered({ sql }: WebhookClinic, expected: number): Promise<void> {
  for (let still = 0, before = -1; ; ) {
    const [row] = await sql<[{ n: number }]>`
      select count(*)::integer as n from integration.deliveries where state = 'DELIVERED'`.catch(() => [{ n: before }]);
    if (row.n >= expected) return;
    still = row.n === before ? still + 1 : 0;
    before = row.n;
    // A breaker waits thirty seconds, and the next time a minute.
    if (still > 1_200) throw new Error(`Nothing moves any more: ${row.n} of ${expected} delivered.`);
    await wait(100);
  }
}

interface Scene extends SoakOptions {
  readonly workers: ChildProcess[];
  readonly receivers: readonly CountingReceiver[];
  readonly start: () => Promise<ChildProcess>;
}

/** Each fault is over when its function ends. It answers how many worker processes were cut off in the middle of their work. */
const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<number>>> = {
  'kill -9 of a worker': async ({ workers, start }) => {
    const at = chance(workers.length);
    const victim = workers[at];
    if (victim !== undefined) await killNow(victim);
    workers[at] = await start();
    return 1;
  },
  'Redis FLUSHALL': async ({ redis }) => {
    await redis.flushAll();
    return 0;
  },
  'Redis killed and started again': async ({ redis }) => {
    await redis.kill();
    await wait(1_000 + chance(2_000));
    await redis.restart();
    return 0;
  },
  'PostgreSQL restarted immediately': async ({ cluster, workers }) => {
    await cluster.restartImmediately();
    return workers.length;
  },
  'SIGTERM of a worker': async ({ workers, start }) => {
    const at = chance(workers.length);
    const victim = workers[at];
    const ended = victim === undefined ? undefined : once(victim, 'exit');
    victim?.kill('SIGTERM');
    workers[at] = await start();
    await ended;
    return 0;
  },
  'Redis out of memory': async ({ redis }) => {
    await redis.limitMemory('1mb');
    await wait(1_500);
    await redis.limitMemory('0');
    return 0;
  },
  'a receiver is away': async ({ receivers }) => {
    const receiver = receivers[chance(receivers.length)];
    await receiver?.pause();
    await wait(800);
    await receiver?.resume();
    return 0;
  },
  'SIGSTOP past the lease': async ({ workers }) => {
    const victim = workers[chance(workers.length)];
    victim?.kill('SIGSTOP');
    // Time-out of the endpoints and the lease's margin.
    await wait(8_000);
    victim?.kill('SIGCONT');
    return 1;
  },
  'an endpoint is paused and resumed': async ({ clinic }) => {
    const set = (from: string, to: string) => clinic.sql`
      update integration.webhook_endpoints set status = ${to} where status = ${from}
        and key = (select min(key) from integration.webhook_endpoints)`;
    await set('ACTIVE', 'PAUSED').catch(() => undefined);
    await wait(1_000);
    await set('PAUSED', 'ACTIVE');
    return 0;
  },
};
