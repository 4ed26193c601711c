import type { ChildProcess } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startOwnCluster } from '../support/own-cluster.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';
import { forkWorkers, killNow } from '../support/worker-process.ts';
import { startCountingReceiver } from './counting-receiver.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Keeps a worker process running as its supervisor does: one that a broken connection took down is started again. */
async function supervise(clinic: WebhookClinic, allow: readonly string[]): Promise<{ readonly starts: () => number }> {
  let starts = 0;
  let isOver = false;
  let current: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    current = await forkWorkers(clinic, { allow });
    starts += 1;
    current.once('exit', () => {
      if (!isOver) again = start().catch(retry);
    });
  };
  const retry = async (): Promise<void> => {
    if (!isOver) await start().catch(retry);
  };
  let again = start();
  await again;
  closing.push(async () => {
    isOver = true;
    await again;
    if (current !== undefined) await killNow(current);
  });
  return { starts: () => starts };
}

test('PostgreSQL restarted immediately under the workers: none is lost, and what comes twice was on its way', async () => {
  const cluster = await startOwnCluster();
  closing.push(() => cluster.stop());
  const clinic = await openWebhookClinic({ database: cluster.database });
  closing.push(() => clinic.close());
  const receiver = await startCountingReceiver({ delayMs: 5 });
  closing.push(() => receiver.close());
  await clinic.endpoint({ url: receiver.url, maxInFlight: 8, timeoutMs: 1_000, eventTypes: ['appointment.completed'] });
  const worker = await supervise(clinic, [receiver.origin]);
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
  expect(receiver.accepted() - 800).toBeLessThanOrEqual(worker.starts() * 8);
}, 90_000);
