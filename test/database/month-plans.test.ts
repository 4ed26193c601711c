import { claimBatch, fanOutEvents, settleDeliveries, sweepDeliveries } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { openDatabase } from '@bridgework/kernel/database';
import { createLogger } from '@bridgework/kernel/logger';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const HISTORY = 20_000;

let database: TestDatabase;
let endpointId: string;
beforeAll(async () => {
  database = await createDatabase();
  const owner = database.as('owner', 1);
  const registry = database.as('bridgework_integration', 1);
  const key = await activeIntegration(registry, 'Partner', ['webhook:receive', 'read:appointments']);
  const [row] = await registry<{ id: string; key: string }[]>`
    insert into integration.webhook_endpoints (integration_key, name, url, created_by)
    values (${key}, 'e', 'https://x/y', 'user a') returning id, key`;
  endpointId = row?.id ?? '';
  const endpointKey = row?.key ?? 0;
  await registry`insert into integration.webhook_subscriptions (endpoint_key, event_type)
    values (${endpointKey}, 'appointment.completed')`;
  await registry`update integration.webhook_endpoints set status = 'ACTIVE' where key = ${endpointKey}`;
  // A history of two months, all of it delivered: nothing of it is to be read again to send what is new.
  await owner.begin(async (tx) => {
    await tx`set local session_replication_role = 'replica'`;
    await tx`
      insert into outbox.events (id, type, entity_type, entity_id, data, event_month, fanned_out_at)
      select 'evt_' || n, 'appointment.completed', 'appointment', 'apt_' || n,
        jsonb_build_object('id', 'apt_' || n, 'completed_at', now()),
        date_trunc('month', now() at time zone 'UTC') - (n % 2) * interval '1 month', now()
      from generate_series(1, ${HISTORY}::integer) n`;
    await tx`
      insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq, event_month, state, attempts,
        delivered_at)
      select id, type, entity_id, ${endpointKey}, key, event_month, 'DELIVERED', 1, now() from outbox.events`;
    await tx`update integration.webhook_endpoints set last_seq = ${HISTORY} where key = ${endpointKey}`;
  });
  await owner`vacuum analyze outbox.events, integration.deliveries, integration.delivery_attempts`;
  await owner`insert into outbox.events (type, entity_type, entity_id, data)
    select 'appointment.completed', 'appointment', 'apt_new', jsonb_build_object('id', 'apt_new', 'completed_at', now())
    from generate_series(1, 100)`;
});
afterAll(() => database.drop());

test('to fan out, claim, sweep and settle no month’s table is read from end to end', async () => {
  const { db, close } = openDatabase({
    url: database.urlFor('bridgework_workers'),
    applicationName: 'test plans',
    maxConnections: 1,
    plans: 'by-index',
  });
  const ctx = contextOn(db);
  const before = await sequentialReads();
  expect(await fanOutEvents(ctx, { limit: 100 })).toEqual({ events: 100, endpointIds: [endpointId] });
  expect(await sweepDeliveries(ctx)).toEqual([endpointId]);
  const batch = await claimBatch(ctx, {
    endpointId,
    maxDeliveries: 50,
    batchesAhead: 16,
    expected: 0,
    leaseMarginMs: 5_000,
    ownLeases: [],
  });
  expect(batch?.deliveries).toHaveLength(50);
  const settled = await settleDeliveries(ctx, {
    attempts: (batch?.deliveries ?? []).map(({ key, month }) => ({
      deliveryKey: key,
      deliveryMonth: month,
      endpointKey: batch?.endpoint.key ?? 0,
      leaseToken: batch?.leaseToken ?? '',
      startedAt: new Date(),
      durationMs: 1,
      outcome: 'ok',
      httpStatus: 204,
      responsePrefix: null,
      verdict: { kind: 'delivered' },
    })),
    releases: [],
    breakers: [],
  });
  expect(settled).toBe(50);
  // A session tells of its reads at the latest when it ends.
  await close();
  await expect.poll(statementsSeen, { timeout: 5_000 }).toBeGreaterThan(0);
  expect(await sequentialReads()).toEqual(before);
});

test('a claim looks at what it takes, not at all that waits, whatever the statistics say', async () => {
  const owner = database.as('owner', 1);
  await owner.begin(async (tx) => {
    await tx`set local session_replication_role = 'replica'`;
    await tx`
      with waiting as (
        insert into outbox.events (type, entity_type, entity_id, data, fanned_out_at)
        select 'appointment.completed', 'appointment', 'apt_' || n,
          jsonb_build_object('id', 'apt_' || n, 'completed_at', now()), now()
        from generate_series(1, 10000) n returning *
      )
      insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq)
      select id, type, entity_id, (select key from integration.webhook_endpoints), ${10 * HISTORY} + key from waiting`;
  });
  const { db, close } = openDatabase({
    url: database.urlFor('bridgework_workers'),
    applicationName: 'test plans',
    maxConnections: 1,
    plans: 'by-index',
  });
  const before = await rowsFetched();
  const batch = await claimBatch(contextOn(db), {
    endpointId,
    maxDeliveries: 50,
    batchesAhead: 16,
    expected: 0,
    leaseMarginMs: 5_000,
    ownLeases: [],
  });
  expect(batch?.deliveries).toHaveLength(50);
  await close();
  await expect.poll(rowsFetched, { timeout: 5_000 }).toBeGreaterThan(before);
  expect((await rowsFetched()) - before).toBeLessThan(1_000);
});

const contextOn = (db: Context['db']): Context => ({
  db,
  caller: { kind: 'system', job: 'test' },
  now: () => new Date(),
  log: createLogger('test', { level: 'silent' }),
  requestId: 'req_x',
});

/** Rows of deliveries that were fetched by an index. */
async function rowsFetched(): Promise<number> {
  const [row] = await database.as('owner', 1)<[{ n: number }]>`
    select sum(idx_tup_fetch)::integer as n from pg_stat_user_tables where relid::regclass::text ~ '^integration.deliveries_'`;
  return row.n;
}

/** Reads from end to end of the tables that hold the history, by the superuser's statistics. */
async function sequentialReads() {
  return [
    ...(await database.as('owner', 1)<{ table: string; reads: string }[]>`
      select relid::regclass::text as table, seq_scan as reads from pg_stat_user_tables
      where relid::regclass::text ~ '^(outbox.events|integration.deliveries)_' and n_live_tup >= ${HISTORY / 2}
      order by 1`),
  ];
}

async function statementsSeen(): Promise<number> {
  const [row] = await database.as('owner', 1)<[{ n: number }]>`
    select sum(n_tup_ins)::integer as n from pg_stat_user_tables
    where relid::regclass::text ~ '^integration.delivery_attempts_'`;
  return row.n;
}
