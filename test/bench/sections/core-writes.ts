import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { startCountingReceiver } from '../../failure/counting-receiver.ts';
import { startOwnCluster } from '../../support/own-cluster.ts';
import { openRedis, whyNoRedis } from '../../support/redis.ts';
import { openWebhookClinic } from '../../support/webhook-clinic.ts';
import { forkWorkers, killNow } from '../../support/worker-process.ts';
import { type Bench, type Figure, median, milliseconds, type Section } from '../section.ts';

const WRITES = 10_000;
const WINDOWS = 6;
const ENDPOINTS = 4;
const WRITERS = 4;

/** What partners' and our own failures cost the clinic: nothing it could notice. */
export const coreWritesSection: Section = {
  name: 'core-writes',
  title: "The core's writes while everything outside is down",
  about: `Stock movements of the clinic's own application, ${WRITES.toLocaleString('en')} in each of ${WINDOWS} windows with every receiver and Redis up, and as many with all of them down, in turn; every second write emits an event for ${ENDPOINTS} endpoints. A watcher counts writes that wait for a lock of our roles.`,
  onlyWhenNamed: true,
  onEveryCore: true,
  run,
};

async function run(bench: Bench): Promise<readonly Figure[]> {
  const missing = whyNoRedis();
  if (missing !== undefined) throw new Error(missing);
  const [cluster, redis] = await Promise.all([startOwnCluster(), openRedis()]);
  const clinic = await openWebhookClinic({ redisUrl: redis.url, database: cluster.database });
  const receivers = await Promise.all(Array.from({ length: ENDPOINTS }, () => startCountingReceiver()));
  for (const { url } of receivers) await clinic.endpoint({ url, eventTypes: ['inventory.low_stock'] });
  const worker = await forkWorkers(clinic, { allow: receivers.map(({ origin }) => origin), redisUrl: redis.url });
  const core = cluster.database.as('core_app', WRITERS);
  const watcher = watchLocks(clinic.sql);
  const up: number[][] = [];
  const down: number[][] = [];
  try {
    for (let at = 0; at < WRITERS; at += 1) {
      await core`insert into inventory.items (sku, name, reorder_point) values (${`S-${at}`}, 'Stock', 5)`;
      await core`insert into inventory.stock_movements (item_key, quantity, reason)
        select key, 10, 'PURCHASE' from inventory.items where sku = ${`S-${at}`}`;
    }
    await write(core, WRITES / 5);
    for (let window = 1; window <= WINDOWS; window += 1) {
      up.push(await write(core, WRITES));
      await Promise.all([...receivers.map((one) => one.pause()), redis.kill()]);
      down.push(await write(core, WRITES));
      await Promise.all([...receivers.map((one) => one.resume()), redis.restart()]);
      const [before, after] = [quantile(up.at(-1) ?? [], 0.5), quantile(down.at(-1) ?? [], 0.5)];
      bench.say(`window ${window}: median ${before.toFixed(3)} ms up, ${after.toFixed(3)} ms down`);
    }
  } finally {
    await watcher.stop();
    await killNow(worker);
    await Promise.all(receivers.map((one) => one.close().catch(() => undefined)));
    await clinic.close();
    await redis.close();
    await cluster.stop();
  }
  const figure = (what: string, share: number, most: number): Figure => {
    const [theirs, ours] = [up, down].map((windows) => median(windows.map((one) => quantile(one, share))));
    const ratio = (ours ?? Number.NaN) / (theirs ?? Number.NaN);
    return {
      what: `${what} of a write, all down beside all up (${ratio.toFixed(2)}×)`,
      ours: milliseconds(ours ?? Number.NaN),
      beside: milliseconds(theirs ?? Number.NaN),
      holds: ratio <= most,
      promise: `≤ ${most.toFixed(2)}×`,
    };
  };
  return [
    figure('median', 0.5, 1.1),
    figure('p95', 0.95, 1.25),
    {
      what: 'writes seen waiting for a lock of our roles',
      ours: String(watcher.seen()),
      beside: '',
      holds: watcher.seen() === 0,
      promise: '0',
    },
  ];
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** Milliseconds of each write, each in a transaction of its own, by several writers at once, each with its own item. */
async function write(core: Sql, count: number): Promise<number[]> {
  const tookMs: number[] = [];
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let at = 0; at < count / WRITERS; at += 1) {
        const startedAt = performance.now();
        await core`insert into inventory.stock_movements (item_key, quantity, reason)
          select key, ${at % 2 === 0 ? -6 : 6}, ${at % 2 === 0 ? 'USE' : 'PURCHASE'} from inventory.items
          where sku = ${`S-${writer}`}`;
        tookMs.push(performance.now() - startedAt);
      }
    }),
  );
  return tookMs;
}

function watchLocks(sql: Sql): { seen(): number; stop(): Promise<void> } {
  let seen = 0;
  let on = true;
  const watching = (async () => {
    while (on) {
      const [row] = await sql<[{ n: number }]>`
        select count(*)::integer as n from pg_stat_activity waiting
        -- Not the instant in which one of two writers makes a table's file longer.
        where waiting.usename = 'core_app' and waiting.wait_event is distinct from 'extend' and exists (
          select from unnest(pg_blocking_pids(waiting.pid)) as blocker
          join pg_stat_activity holder on holder.pid = blocker where holder.usename like 'bridgework\\_%')`;
      seen += row.n;
      await wait(20);
    }
  })();
  return {
    seen: () => seen,
    async stop() {
      on = false;
      await watching;
    },
  };
}
