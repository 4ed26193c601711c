import type { ChildProcess } from 'node:child_process';
import { newId } from '@bridgework/kernel/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelRedrive, findRedrives } from '../../subgraphs/integration/src/redrives/find-redrives.ts';
import { replayDeliveries } from '../../subgraphs/integration/src/redrives/replay-deliveries.ts';
import { eventually } from '../support/eventually.ts';
import { openWebhookClinic, type TestEndpoint, type WebhookClinic } from '../support/webhook-clinic.ts';
import { openWebhookRegistry, refusedWith, type WebhookRegistry } from '../support/webhook-registry.ts';
import { forkWorkers, killNow } from '../support/worker-process.ts';

/** `npm run soak:redrive` takes 100,000. */
const ROWS = Number(process.env.REDRIVE_ROWS ?? 20_000);

let clinic: WebhookClinic;
let registry: WebhookRegistry;
const children: ChildProcess[] = [];
beforeEach(async () => {
  clinic = await openWebhookClinic();
  registry = openWebhookRegistry(clinic);
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(killNow));
  await registry.close();
  await clinic.close();
});

/** Dead letters as a bad week leaves them: one a second, the newest a minute ago. Triggers would only take time. */
async function bury({ key }: TestEndpoint, rows: number): Promise<void> {
  await clinic.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`insert into outbox.events (id, type, entity_type, entity_id, data, fanned_out_at)
      select 'evt_' || lpad(n::text, 26, '0'), 'visit.completed', 'visit', 'vis_x',
        '{"id": "vis_x", "appointment_id": "apt_x", "completed_at": "2026-03-01T10:00:00Z", "procedure_count": 1}', now()
      from generate_series(1, ${rows}::integer) n`;
    await tx`insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq, state, attempts,
        dead_reason, created_at, updated_at)
      select 'evt_' || lpad(n::text, 26, '0'), 'visit.completed', 'vis_x', ${key}, n, 'DEAD', 11, 'exhausted',
        now() - make_interval(secs => 60 + n), now() - interval '50 s'
      from generate_series(1, ${rows}::integer) n`;
    await tx`update integration.webhook_endpoints set last_seq = ${rows} where key = ${key}`;
  });
  await clinic.sql`analyze integration.deliveries`;
}

const counts = async () => {
  const rows = await clinic.sql<{ generation: number; n: number }[]>`
    select generation, count(*)::integer as n from integration.deliveries group by generation`;
  return Object.fromEntries(rows.map(({ generation, n }) => [generation, n]));
};
const progress = async () => {
  const [row] = await clinic.sql`select status, replayed_count::integer as replayed from integration.redrives`;
  return { status: row?.status as string, replayed: row?.replayed as number };
};
const rangeOf = (rows: number) => ({ from: new Date(Date.now() - (60 + rows) * 1_000), to: new Date() });

test(`a redrive of ${ROWS.toLocaleString('en')} dead letters by time goes on where a killed worker left it, each exactly once`, async () => {
  const endpoint = await clinic.endpoint({ url: 'http://127.0.0.1:9/', status: 'PAUSED' });
  const older = Math.floor(ROWS / 10);
  await bury(endpoint, ROWS + older);
  const filter = { endpointId: endpoint.id, ...rangeOf(ROWS) };
  const startedAt = performance.now();
  const { matchedCount, redrive } = await replayDeliveries(registry.manager(), { filter, dryRun: true });
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(redrive).toBeNull();
  expect(Math.abs(matchedCount - ROWS)).toBeLessThan(10);
  expect(await counts()).toEqual({ 1: ROWS + older });

  const asked = await replayDeliveries(registry.manager(), { filter, perSecond: 10_000, idempotencyKey: newId('req') });
  expect(asked).toMatchObject({ matchedCount, redrive: { status: 'RUNNING', replayedCount: 0, matchedCount } });
  const first = await forkWorkers(clinic, { allow: [] });
  children.push(first);
  await eventually(async () => (await progress()).replayed > ROWS / 4, { withinMs: 60_000 });
  await killNow(first);
  const halfway = await progress();
  expect(halfway).toMatchObject({ status: 'RUNNING' });
  expect((await counts())[2]).toBe(halfway.replayed);
  children.push(await forkWorkers(clinic, { allow: [] }));
  await eventually(async () => (await progress()).status === 'DONE', { withinMs: 60_000 });
  expect(await counts()).toEqual({ 1: ROWS + older - matchedCount, 2: matchedCount });
  expect((await progress()).replayed).toBe(matchedCount);
  const audit = await clinic.sql`select action, result from audit.entries where entity = 'redrive' order by key`;
  expect(audit.map(({ action, result }) => `${action} ${result}`)).toEqual([
    'webhook.redrive OK',
    'webhook.finish_redrive OK',
  ]);
}, 120_000);

test('a redrive keeps its pace, can be stopped, and asks for a key; what is named by id alone is sent', async () => {
  const endpoint = await clinic.endpoint({ url: 'http://127.0.0.1:9/', status: 'PAUSED' });
  await bury(endpoint, 1_000);
  const manager = registry.manager();
  const filter = { endpointId: endpoint.id };
  await expect(replayDeliveries(manager, { filter })).rejects.toEqual(refusedWith('IDEMPOTENCY_KEY_MISSING'));
  await expect(
    replayDeliveries(manager, { filter: { from: new Date(2), to: new Date(1) }, dryRun: true }),
  ).rejects.toEqual(refusedWith('VALIDATION_FAILED'));
  await expect(replayDeliveries(manager, { filter: { endpointId: newId('whe') }, dryRun: true })).rejects.toEqual(
    refusedWith('NOT_FOUND'),
  );
  const request = { filter, perSecond: 20, idempotencyKey: newId('req') };
  const { redrive } = await replayDeliveries(manager, request);
  expect((await replayDeliveries(manager, request)).redrive?.id).toBe(redrive?.id);
  const startedAt = performance.now();
  const workers = await clinic.startWorkers();
  await eventually(async () => (await progress()).replayed >= 20);
  const { replayed } = await progress();
  expect(replayed).toBeLessThan(20 * ((performance.now() - startedAt) / 1_000 + 2));
  expect(await cancelRedrive(manager, { id: redrive?.id })).toMatchObject({ status: 'CANCELLED' });
  await expect(cancelRedrive(manager, { id: redrive?.id })).rejects.toEqual(refusedWith('CONFLICT'));

  const [one] = await clinic.sql<{ id: string }[]>`select id from integration.deliveries where state = 'DEAD' limit 1`;
  const byId = await replayDeliveries(manager, { filter: { ids: [one?.id] }, idempotencyKey: newId('req') });
  expect(byId.matchedCount).toBe(1);
  await eventually(async () => (await findRedrives(manager, { first: 1 })).edges[0]?.node.status === 'DONE');
  const [row] = await clinic.sql`select generation from integration.deliveries where id = ${one?.id ?? ''}`;
  expect(row?.generation).toBe(2);
  await workers.close();
});
