import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openQueues } from '@bridgework/kernel/jobs';
import { createLogger } from '@bridgework/kernel/logger';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRedis, whyNoRedis } from '../support/redis.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';
import { forkWorkers, killNow } from '../support/worker-process.ts';
import { startCountingReceiver } from './counting-receiver.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
async function open(options: Parameters<typeof openWebhookClinic>[0] = {}): Promise<WebhookClinic> {
  const clinic = await openWebhookClinic(options);
  closing.push(() => clinic.close());
  return clinic;
}
async function receive(options: Parameters<typeof startCountingReceiver>[0] = {}) {
  const receiver = await startCountingReceiver(options);
  closing.push(() => receiver.close());
  return receiver;
}
const emitMany = ({ sql }: WebhookClinic, count: number) => sql`
  insert into outbox.events (type, entity_type, entity_id, data)
  select 'appointment.completed', 'appointment', 'apt_x', jsonb_build_object('id', 'apt_x', 'completed_at', now())
  from generate_series(1, ${count}::integer)`;
const count = async ({ sql }: WebhookClinic, where = 'true'): Promise<number> => {
  const [row] = await sql.unsafe(`select count(*)::integer as n from integration.deliveries where ${where}`);
  return row?.n as number;
};
const own = (child: ChildProcess): ChildProcess => {
  closing.push(() => killNow(child));
  return child;
};

test('the producer killed at random points: each committed transaction has its event, no other has', async () => {
  const clinic = await open();
  const core = clinic.as('core_app');
  await core`insert into inventory.items (sku, name, reorder_point) values ('GLV-M', 'Gloves', 5)`;
  await core`insert into inventory.stock_movements (item_key, quantity, reason) select key, 10, 'PURCHASE' from inventory.items`;
  for (let round = 0; round < 4; round += 1) {
    const producer = own(
      fork(fileURLToPath(new URL('fixtures/produce.mjs', import.meta.url)), [clinic.urlFor('core_app')], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    );
    await once(producer, 'message');
    await wait(20 + Math.random() * 150);
    await killNow(producer);
  }
  const [row] = await clinic.sql<[{ moves: number; events: number }]>`
    select (select count(*)::integer from inventory.stock_movements where quantity = -6) as moves,
      (select count(*)::integer from outbox.events where type = 'inventory.low_stock') as events`;
  expect(row.moves).toBeGreaterThan(0);
  expect(row.events).toBe(row.moves);
});

test('the dispatcher killed in the middle: every event is fanned out once to each endpoint, numbered without a gap', async () => {
  const clinic = await open();
  const paused = [
    await clinic.endpoint({ url: 'http://127.0.0.1:9/', status: 'PAUSED' }),
    await clinic.endpoint({ url: 'http://127.0.0.1:9/', status: 'PAUSED' }),
  ];
  await emitMany(clinic, 1_500);
  const worker = own(await forkWorkers(clinic, { allow: [] }));
  await wait(Math.random() * 60);
  await killNow(worker);
  own(await forkWorkers(clinic, { allow: [] }));
  await eventually(async () => (await count(clinic)) === 3_000, { withinMs: 60_000 });
  for (const { key } of paused) {
    const [row] = await clinic.sql`select count(distinct event_id)::integer as events, max(seq)::integer as last,
      count(distinct seq)::integer as numbers from integration.deliveries where endpoint_key = ${key}`;
    expect(row).toEqual({ events: 1_500, last: 1_500, numbers: 1_500 });
  }
}, 90_000);

test('a transaction that commits late, with lower keys, is told of like any other', async () => {
  const clinic = await open();
  const receiver = await receive();
  await clinic.endpoint({ url: receiver.url, eventTypes: ['appointment.completed'] });
  await clinic.startWorkers({}, 'sandbox', { EGRESS_ALLOW: [receiver.origin] });
  let commit = () => undefined as unknown;
  const late = clinic.sql.begin(async (tx) => {
    await tx`insert into outbox.events (type, entity_type, entity_id, data)
      values ('appointment.completed', 'appointment', 'apt_late', '{"id": "apt_late", "completed_at": "2026-03-01T10:00:00Z"}')`;
    await new Promise<void>((resolve) => {
      commit = () => resolve();
    });
  });
  await eventually(async () => {
    const [row] = await clinic.sql`select count(*)::integer as n from pg_stat_activity
      where state = 'idle in transaction' and datname = current_database()`;
    return row?.n === 1;
  });
  await emitMany(clinic, 50);
  await eventually(() => receiver.distinct() === 50);
  commit();
  await late;
  await eventually(() => receiver.distinct() === 51);
});

test('every wake-up many times over sends nothing twice', async () => {
  const clinic = await open();
  const receiver = await receive({ delayMs: 2 });
  const { id } = await clinic.endpoint({ url: receiver.url, maxInFlight: 4, eventTypes: ['appointment.completed'] });
  const settings = { EGRESS_ALLOW: [receiver.origin] };
  await clinic.startWorkers({}, 'sandbox', settings);
  const queues = await openQueues(
    { databaseUrl: clinic.urlFor('bridgework_workers') },
    createLogger('test', { level: 'silent' }),
  );
  closing.push(() => queues.close());
  const waking = { on: true };
  const wake = async (): Promise<void> => {
    while (waking.on) {
      await queues
        .add('webhooks', [{ name: 'webhooks.lane', id: `lane-${id}`, data: { endpointId: id } }])
        .catch(() => undefined);
    }
  };
  const wakers = [wake(), wake(), wake()];
  await emitMany(clinic, 200);
  await eventually(async () => (await count(clinic, "state = 'DELIVERED'")) === 200, { withinMs: 30_000 });
  waking.on = false;
  await Promise.all(wakers);
  expect(receiver.accepted()).toBe(200);
  expect(receiver.mostAtOnce()).toBeLessThanOrEqual(4);
});

test.skipIf(whyNoRedis() !== undefined || Boolean(process.env.REDIS_URL))(
  'Redis out of memory: deliveries go on without it, and with it again afterwards',
  async () => {
    const redis = await openRedis();
    closing.push(() => redis.close());
    const clinic = await open({ redisUrl: redis.url });
    const receiver = await receive();
    await clinic.endpoint({ url: receiver.url, eventTypes: ['appointment.completed'] });
    await clinic.startWorkers({}, 'sandbox', { EGRESS_ALLOW: [receiver.origin] });
    await emitMany(clinic, 20);
    await eventually(() => receiver.distinct() === 20);
    await redis.limitMemory('1');
    for (let sent = 40; sent <= 100; sent += 20) {
      await emitMany(clinic, 20);
      await eventually(() => receiver.distinct() === sent);
    }
    await redis.limitMemory('0');
    await emitMany(clinic, 20);
    await eventually(() => receiver.distinct() === 120);
    expect(receiver.accepted()).toBe(120);
  },
);

test.each([
  ['an endpoint is paused', "update integration.webhook_endpoints set status = 'PAUSED'"],
  ['a scope is withdrawn', "update integration.integrations set approved_scopes = array['webhook:receive']"],
  ['an integration is paused', "update integration.integrations set status = 'PAUSED'"],
])('when %s in the middle of a run, no POST starts more than a second after the commit', async (_, statement) => {
  const clinic = await open();
  const receiver = await receive({ delayMs: 10 });
  await clinic.endpoint({ url: receiver.url, maxInFlight: 8, eventTypes: ['appointment.completed'] });
  await clinic.startWorkers({}, 'sandbox', { EGRESS_ALLOW: [receiver.origin] });
  await emitMany(clinic, 3_000);
  await eventually(() => receiver.distinct() > 50);
  await clinic.sql.unsafe(statement);
  const committedAt = performance.now();
  await eventually(() => performance.now() > committedAt + 1_600);
  expect(receiver.lastRequestAt() - committedAt).toBeLessThan(1_000);
  expect(receiver.distinct()).toBeLessThan(3_000);
});
