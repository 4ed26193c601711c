import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { openQueues } from '@bridgework/kernel/jobs';
import { createLogger } from '@bridgework/kernel/logger';
import { Agent } from 'undici';
import { eventually } from '../../support/eventually.ts';
import { startOwnCluster } from '../../support/own-cluster.ts';
import { openRedis, whyNoRedis } from '../../support/redis.ts';
import { openWebhookClinic, type WebhookClinic } from '../../support/webhook-clinic.ts';
import { forkWorkers, killNow } from '../../support/worker-process.ts';
import { type Bench, type Figure, median, milliseconds, type Section } from '../section.ts';

const ENDPOINTS = 8;
const HEALTHY = 40;
const HANGING = 10;
const RATE = 200;

/** Deliveries with their whole durable record beside the bare ways of sending as much. */
export const webhooksSection: Section = {
  name: 'webhooks',
  title: 'Webhooks',
  about:
    'One worker process on Redis, receivers on loopback. State deliveries: claimed, signed, sent, attempt and audit row written, settled; from the first to the last of 4,000 for each second of a window, the worker just started. Beside them, in the same run: the raw rate of signed requests by undici, and bare BullMQ jobs that each send one. Then from commit to the first byte at the receiver, and how long healthy endpoints wait while others hang.',
  onlyWhenNamed: true,
  onEveryCore: true,
  run,
};

interface Arrivals {
  readonly origin: string;
  /** Event id → milliseconds of its first byte. */
  readonly at: Map<string, number>;
  close(): void;
}

async function startSink(hangs = false): Promise<Arrivals> {
  const at = new Map<string, number>();
  const server = createServer((request, response) => {
    const id = String(request.headers['webhook-id']);
    if (!at.has(id)) at.set(id, performance.timeOrigin + performance.now());
    if (!hangs) request.resume().once('end', () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    at,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function run(bench: Bench): Promise<readonly Figure[]> {
  const missing = whyNoRedis();
  if (missing !== undefined) throw new Error(missing);
  const [cluster, redis] = await Promise.all([startOwnCluster(), openRedis()]);
  const clinic = await openWebhookClinic({ redisUrl: redis.url, database: cluster.database });
  try {
    const rounds: { ours: number; raw: number; bull: number }[] = [];
    for (let round = 0; round < bench.rounds; round += 1) {
      const raw = await rawRate(bench.seconds);
      const bull = await bullRate(redis.url, bench.seconds);
      const ours = await deliveryRate(clinic, redis.url, bench.seconds);
      bench.say(
        `round ${round + 1}: ${ours.toFixed(0)} deliveries/s, raw ${raw.toFixed(0)}, bare BullMQ ${bull.toFixed(0)}`,
      );
      rounds.push({ ours, raw, bull });
    }
    const rate = (pick: (one: (typeof rounds)[number]) => number): string =>
      `${Math.round(median(rounds.map(pick))).toLocaleString('en')}/s`;
    const latencies = await latency(clinic, redis.url, bench.seconds);
    bench.say(`commit to first byte: p50 ${latencies.p50.toFixed(1)} ms, p99 ${latencies.p99.toFixed(1)} ms`);
    const alone = await healthyWait(clinic, redis.url, bench.seconds, 0);
    const beside = await healthyWait(clinic, redis.url, bench.seconds, HANGING);
    return [
      {
        what: 'state deliveries beside the raw signed ceiling of undici',
        ours: rate(({ ours }) => ours),
        beside: rate(({ raw }) => raw),
        ratio: median(rounds.map(({ ours, raw }) => ours / raw)),
        floor: 0.3,
      },
      {
        what: 'state deliveries beside bare BullMQ, one job each and no record',
        ours: rate(({ ours }) => ours),
        beside: rate(({ bull }) => bull),
        ratio: median(rounds.map(({ ours, bull }) => ours / bull)),
        floor: 0.9,
      },
      {
        what: `commit to first byte at ${RATE} events/s, p50`,
        ours: milliseconds(latencies.p50),
        beside: '',
        holds: latencies.p50 <= 50,
        promise: '≤ 50 ms',
      },
      {
        what: `commit to first byte at ${RATE} events/s, p99`,
        ours: milliseconds(latencies.p99),
        beside: '',
        holds: latencies.p99 <= 250,
        promise: '≤ 250 ms',
      },
      {
        what: `healthy p99 with ${HANGING} of ${HEALTHY + HANGING} endpoints hanging, beside none hanging`,
        ours: milliseconds(beside),
        beside: milliseconds(alone),
        holds: beside <= 1.5 * alone,
        promise: '≤ 1.5×',
      },
    ];
  } finally {
    await clinic.close();
    await redis.close();
    await cluster.stop();
  }
}

const BODY = JSON.stringify({ data: { id: 'apt_x', completed_at: '2026-03-01T10:00:00.000Z' }, pad: 'x'.repeat(200) });
const KEY = createHash('sha256').update('bench').digest();

function send(agent: Agent, origin: string, count: number): Promise<void> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = `v1,${createHmac('sha256', KEY).update(`evt_${count}.${timestamp}.${BODY}`).digest('base64')}`;
  return agent
    .request({
      origin,
      path: '/hook',
      method: 'POST',
      headers: { 'webhook-id': `evt_${count}`, 'webhook-timestamp': timestamp, 'webhook-signature': signature },
      body: BODY,
    })
    .then(({ body }) => body.dump());
}

/** As many signed requests as this process can get answered, with as many sockets as the deliveries have. */
async function rawRate(seconds: number): Promise<number> {
  const sink = await startSink();
  const agent = new Agent({ pipelining: 1 });
  const until = performance.now() + seconds * 1_000;
  let sent = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      await send(agent, sink.origin, sent);
      sent += 1;
    }
  };
  await Promise.all(Array.from({ length: ENDPOINTS * 4 }, one));
  await agent.destroy();
  sink.close();
  return sent / seconds;
}

/** One BullMQ job for each request, without any record of it. */
async function bullRate(redisUrl: string, seconds: number): Promise<number> {
  const sink = await startSink();
  const agent = new Agent({ pipelining: 1 });
  const queues = await openQueues({ redisUrl }, createLogger('bench', { level: 'silent' }));
  const total = 1_000 * seconds;
  for (let at = 0; at < total; at += 500) {
    const jobs = Array.from({ length: 500 }, (_, n) => ({
      name: 'send',
      id: `job-${at + n}`,
      data: { count: String(at + n) },
    }));
    // Not before it is connected; jobs of one id are one.
    await eventually(() =>
      queues.add('bare', jobs).then(
        () => true,
        () => false,
      ),
    );
  }
  let done = 0;
  const startedAt = performance.now();
  queues.work({
    queue: 'bare',
    concurrency: ENDPOINTS * 4,
    handle: async ({ data }) => {
      await send(agent, sink.origin, Number(data.count));
      done += 1;
    },
    finished: () => undefined,
  });
  while (done < total && performance.now() - startedAt < seconds * 5_000) await wait(5);
  const rate = done / ((performance.now() - startedAt) / 1_000);
  await queues.close();
  await agent.destroy();
  sink.close();
  return rate;
}

async function emit({ sql }: WebhookClinic, count: number): Promise<void> {
  await sql`insert into outbox.events (type, entity_type, entity_id, data)
    select 'appointment.completed', 'appointment', 'apt_' || n, jsonb_build_object('id', 'apt_x', 'completed_at', now())
    from generate_series(1, ${count}::integer) n`;
}

const clear = ({ sql }: WebhookClinic) =>
  sql`update integration.webhook_endpoints set deleted_at = now() where deleted_at is null`;

/** From an outbox full of events to the last one settled. */
async function deliveryRate(clinic: WebhookClinic, redisUrl: string, seconds: number): Promise<number> {
  await clear(clinic);
  const sinks = await Promise.all(Array.from({ length: ENDPOINTS }, () => startSink()));
  for (const { origin } of sinks) {
    await clinic.endpoint({ url: `${origin}/hook`, maxInFlight: 16, eventTypes: ['appointment.completed'] });
  }
  const events = Math.ceil((4_000 * seconds) / ENDPOINTS);
  await emit(clinic, events);
  const worker = await forkWorkers(clinic, { allow: sinks.map(({ origin }) => origin), redisUrl });
  const [first] = await clinic.sql<[{ key: string }]>`select min(key) as key from integration.webhook_endpoints
    where deleted_at is null`;
  const settled = async () => {
    const [row] = await clinic.sql<[{ n: number; took: number }]>`
      select count(*)::integer as n, extract(epoch from max(delivered_at) - min(delivered_at))::float8 as took
      from integration.deliveries where state = 'DELIVERED' and endpoint_key >= ${first.key}`;
    return row;
  };
  for (let row = await settled(); ; row = await settled()) {
    if (row.n >= events * ENDPOINTS) {
      await killNow(worker);
      for (const sink of sinks) sink.close();
      return row.n / row.took;
    }
    await wait(250);
  }
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

async function measureWaits(clinic: WebhookClinic, sinks: readonly Arrivals[], perSecond: number, seconds: number) {
  const total = perSecond * seconds;
  const committed = new Map<string, number>();
  const startedAt = performance.now();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond));
    for (; sent < due; sent += 1) {
      const id = await clinic.emit();
      committed.set(id, performance.timeOrigin + performance.now());
    }
    await wait(2);
  }
  const arrived = () => sinks.every(({ at }) => at.size >= committed.size);
  for (let tries = 0; !arrived() && tries < 300; tries += 1) await wait(100);
  return sinks
    .flatMap(({ at }) =>
      [...committed].map(([id, from]) => Math.max(0, (at.get(id) ?? Number.POSITIVE_INFINITY) - from)),
    )
    .toSorted((left, right) => left - right);
}

async function latency(clinic: WebhookClinic, redisUrl: string, seconds: number) {
  await clear(clinic);
  const sink = await startSink();
  await clinic.endpoint({ url: `${sink.origin}/hook`, maxInFlight: 32, eventTypes: ['appointment.completed'] });
  const worker = await forkWorkers(clinic, { allow: [sink.origin], redisUrl });
  const waits = await measureWaits(clinic, [sink], RATE, seconds * 2);
  await killNow(worker);
  sink.close();
  return { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) };
}

/** p99 of the healthy endpoints, each event going to all of them and to those that hang. */
async function healthyWait(clinic: WebhookClinic, redisUrl: string, seconds: number, hanging: number): Promise<number> {
  await clear(clinic);
  const healthy = await Promise.all(Array.from({ length: HEALTHY }, () => startSink()));
  const stuck = await Promise.all(Array.from({ length: hanging }, () => startSink(true)));
  for (const { origin } of [...stuck, ...healthy]) {
    await clinic.endpoint({ url: `${origin}/hook`, timeoutMs: 10_000, eventTypes: ['appointment.completed'] });
  }
  const sinks = [...healthy, ...stuck];
  const worker = await forkWorkers(clinic, { allow: sinks.map(({ origin }) => origin), redisUrl });
  const waits = await measureWaits(clinic, healthy, 5, seconds * 2);
  await killNow(worker);
  for (const sink of sinks) sink.close();
  return quantile(waits, 0.99);
}
