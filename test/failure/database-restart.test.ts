import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startOwnCluster } from '../support/own-cluster.ts';
import { openWebhookClinic } from '../support/webhook-clinic.ts';
import { forkWorkers, killNow } from '../support/worker-process.ts';
import { startCountingReceiver } from './counting-receiver.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test('PostgreSQL restarted immediately under the workers: none is lost, and what comes twice was on its way', async () => {
  const cluster = await startOwnCluster();
  closing.push(() => cluster.stop());
  const clinic = await openWebhookClinic({ database: cluster.database });
  closing.push(() => clinic.close());
  const receiver = await startCountingReceiver({ delayMs: 5 });
  closing.push(() => receiver.close());
  await clinic.endpoint({ url: receiver.url, maxInFlight: 8, timeoutMs: 1_000, eventTypes: ['appointment.completed'] });
  const worker = await forkWorkers(clinic, { allow: [receiver.origin] });
  closing.push(() => killNow(worker));
  await clinic.sql`
    insert into outbox.events (type, entity_type, entity_id, data)
    select 'appointment.completed', 'appointment', 'apt_x', jsonb_build_object('id', 'apt_x', 'completed_at', now())
    from generate_series(1, 800)`;
  await eventually(() => receiver.distinct() > 100, { withinMs: 30_000 });
  await cluster.restartImmediately();
  const delivered = async () => {
    const [row] = await clinic.sql`select count(*)::integer as n from integration.deliveries where state = 'DELIVERED'`;
    return row?.n as number;
  };
  await eventually(async () => (await delivered().catch(() => -1)) === 800, { withinMs: 40_000 });
  expect(receiver.distinct()).toBe(800);
  expect(receiver.accepted() - 800).toBeLessThanOrEqual(8);
  // It lived through it: nobody has to start it again.
  expect(worker.exitCode).toBeNull();
}, 90_000);
