import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let owner: Sql;
let workers: Sql;
let integrationId: string;
let endpointKey: number;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner', 1);
  workers = database.as('bridgework_workers', 1);
  const registry = database.as('bridgework_integration', 1);
  const integrationKey = await activeIntegration(registry, 'Partner', ['webhook:receive']);
  const [row] = await registry<{ key: string; id: string }[]>`
    insert into integration.webhook_endpoints (integration_key, name, url, created_by)
    values (${integrationKey}, 'e', 'https://x/y', 'user a')
    returning key, (select id from integration.integrations where key = ${integrationKey}) as id`;
  endpointKey = Number(row?.key);
  integrationId = row?.id ?? '';
});
afterAll(() => database.drop());

const TABLES = ['outbox.events', 'integration.deliveries', 'integration.delivery_attempts'];
const partitions = async (table: string): Promise<readonly string[]> => {
  const rows = await owner<{ name: string }[]>`
    select inhrelid::regclass::text as name from pg_inherits where inhparent = ${table}::regclass order by 1`;
  return rows.map(({ name }) => name);
};
const monthOf = (offset: number): string => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1)).toISOString().slice(0, 10);
};
const partOf = (table: string, month: string) => `${table}_${month.slice(0, 7).replace('-', '_')}`;

/** An event of a month with a delivery in `state` and one attempt at it, as the owner puts them there. */
async function remember(month: string, seq: number, state: 'DELIVERED' | 'HELD' | 'PENDING', changedAt = month) {
  const [event] = await owner<{ id: string }[]>`
    insert into outbox.events (type, entity_type, entity_id, data, created_at, event_month, fanned_out_at)
    values ('visit.completed', 'visit', 'vis_x', '{}', ${month}, ${month}, ${month}) returning id`;
  const [delivery] = await owner<{ id: string; key: string }[]>`
    insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq, event_month, state, updated_at)
    values (${event?.id ?? ''}, 'visit.completed', 'vis_x', ${endpointKey}, ${seq}, ${month},
      ${state === 'HELD' ? 'HELD' : 'PENDING'}, ${changedAt}) returning id, key`;
  if (state === 'DELIVERED') {
    await owner`update integration.deliveries set state = 'LEASED', lease_token = gen_random_uuid(), lease_expires_at = now()
      where key = ${delivery?.key ?? 0}`;
    await owner`update integration.deliveries set state = 'DELIVERED', delivered_at = now(), lease_token = null,
      lease_expires_at = null where key = ${delivery?.key ?? 0}`;
  }
  await owner`
    insert into integration.delivery_attempts (delivery_key, endpoint_key, generation, number, lease_token, started_at,
      duration_ms, outcome, event_month)
    values (${delivery?.key ?? 0}, ${endpointKey}, 1, 1, gen_random_uuid(), now(), 1, 'ok', ${month})`;
  return { eventId: event?.id ?? '', deliveryId: delivery?.id ?? '' };
}

describe('months', () => {
  test('last month, this one and the next have a place, and so has whatever fits nowhere', async () => {
    for (const table of TABLES) {
      expect(await partitions(table)).toEqual(
        [-1, 0, 1].map((offset) => partOf(table, monthOf(offset))).concat(`${table}_rest`),
      );
    }
    expect((await workers`select base.ensure_partitions() as made`)[0]?.made).toEqual([]);
  });

  test('every partition refuses to lose or change a row, asked directly and by the superuser', async () => {
    await remember(monthOf(0), 900, 'HELD');
    for (const table of TABLES) {
      for (const part of [...(await partitions(table)), table]) {
        await expect(owner.unsafe(`truncate ${part} cascade`), part).rejects.toMatchObject({ code: 'BW001' });
      }
      const part = partOf(table, monthOf(0));
      await expect(owner.unsafe(`delete from ${part}`), part).rejects.toMatchObject({ code: 'BW001' });
      await expect(owner.unsafe(`update ${part} set event_month = '${monthOf(1)}'`), part).rejects.toThrow();
    }
  });

  test('rows of months that nobody prepared are kept, and their place becomes a month’s own', async () => {
    const far = monthOf(30);
    const { eventId } = await remember(far, 901, 'HELD');
    expect(await owner`select id from outbox.events_rest`).toMatchObject([{ id: eventId }]);
    const [row] = await workers`select base.ensure_partitions() as made`;
    expect(row?.made).toEqual([`from the default: ${far.slice(0, 7)} to ${far.slice(0, 7)}`]);
    expect([...(await owner`select id from outbox.events_rest`)]).toEqual([]);
    expect(await owner.unsafe(`select id from ${partOf('outbox.events', far)}`)).toMatchObject([{ id: eventId }]);
    await expect(owner.unsafe(`truncate ${partOf('outbox.events', far)}`)).rejects.toMatchObject({ code: 'BW001' });
    await expect(owner.unsafe('truncate outbox.events_rest')).rejects.toMatchObject({ code: 'BW001' });
  });
});

describe('what held in one table holds across months', () => {
  const deliver = (eventId: string, seq: number, month: string) =>
    workers`insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq, event_month)
      values (${eventId}, 'visit.completed', 'vis_x', ${endpointKey}, ${seq}, ${month})`;

  test('a number of an endpoint is given once, whatever the months', async () => {
    await remember(monthOf(-1), 910, 'HELD');
    const [event] = await owner<{ id: string }[]>`insert into outbox.events (type, entity_type, entity_id, data)
      values ('visit.completed', 'visit', 'vis_x', '{}') returning id`;
    await expect(deliver(event?.id ?? '', 910, monthOf(0))).rejects.toMatchObject({ code: '23505' });
    await deliver(event?.id ?? '', 911, monthOf(0));
  });

  test('an event reaches an endpoint once: neither again in its month nor in another', async () => {
    const { eventId } = await remember(monthOf(-1), 920, 'HELD');
    await expect(deliver(eventId, 921, monthOf(-1))).rejects.toMatchObject({ code: '23505' });
    await expect(deliver(eventId, 921, monthOf(0))).rejects.toMatchObject({ code: '23503' });
    await expect(deliver('evt_x', 921, monthOf(0))).rejects.toMatchObject({ code: '23503' });
  });

  test('an attempt is one of a delivery, in its month', async () => {
    await expect(
      workers`insert into integration.delivery_attempts (delivery_key, endpoint_key, generation, number, lease_token,
          started_at, duration_ms, outcome, event_month)
        select key, endpoint_key, 1, 2, gen_random_uuid(), now(), 1, 'ok', ${monthOf(0)} from integration.deliveries
        where seq = 920`,
    ).rejects.toMatchObject({ code: '23503' });
  });

  test('who adds a delivery chooses neither its key nor its id', async () => {
    for (const columns of ['id', 'key', 'created_at']) {
      await expect(
        workers.unsafe(`insert into integration.deliveries (${columns}, event_id, event_type, entity_id, endpoint_key, seq)
          overriding system value values (default, 'evt_x', 'x', 'x', 1, 1)`),
      ).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('numbers are no login’s business, and stay with their delivery even from the superuser', async () => {
    for (const statement of ['select * from', 'delete from', 'truncate']) {
      await expect(workers.unsafe(`${statement} integration.delivery_numbers`)).rejects.toMatchObject({
        code: '42501',
      });
    }
    await expect(owner`delete from integration.delivery_numbers`).rejects.toMatchObject({ code: 'BW001' });
    await expect(owner`update integration.delivery_numbers set seq = seq + 1`).rejects.toMatchObject({ code: 'BW001' });
    await expect(owner`truncate integration.delivery_numbers`).rejects.toMatchObject({ code: 'BW001' });
  });
});

describe('retention', () => {
  const drop = (days = 90) => workers`select * from base.drop_expired_month(${days})`;
  const old = monthOf(-8);
  const busy = monthOf(-7);
  const young = monthOf(-2);

  beforeAll(async () => {
    for (const month of [old, busy, young]) await owner`select base.add_months(${month}, ${month})`;
    await remember(old, 1, 'DELIVERED');
    await remember(busy, 3, 'PENDING', new Date().toISOString());
    await remember(young, 4, 'DELIVERED');
  });

  test('nothing younger than 90 days goes, whoever asks for it', async () => {
    for (const days of [89, 0, -1]) await expect(drop(days)).rejects.toMatchObject({ code: 'BW001' });
    await expect(workers`select * from base.drop_expired_month(null)`).rejects.toMatchObject({ code: 'BW001' });
    for (const role of ['core_app', 'bridgework_integration', 'bridgework_billing'] as const) {
      await expect(database.as(role, 1)`select base.drop_expired_month()`).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('no login drops, detaches or adds a month itself', async () => {
    for (const statement of [
      `drop table ${partOf('outbox.events', old)}`,
      `alter table outbox.events detach partition ${partOf('outbox.events', old)}`,
      `select base.add_months('2020-01-01', '2020-01-01')`,
      'select base.adopt_default()',
      `select * from ${partOf('outbox.events', old)}`,
    ]) {
      for (const role of ['core_app', 'bridgework_integration', 'bridgework_workers'] as const) {
        await expect(database.as(role, 1).unsafe(statement), statement).rejects.toMatchObject({ code: '42501' });
      }
    }
  });

  test('an old month goes as a whole, and the audit names it and each delivery that was never sent', async () => {
    const { deliveryId } = await remember(old, 2, 'HELD');
    const [dropped] = await drop();
    expect(dropped).toEqual({
      month: old.slice(0, 7),
      events: '2',
      not_fanned_out: '0',
      deliveries: '2',
      undelivered: '1',
      attempts: '2',
    });
    for (const table of TABLES) expect(await partitions(table)).not.toContain(partOf(table, old));
    const entries = await owner`select action, entity, entity_id, integration_id, result, error_message, written_by
      from audit.entries where action in ('retention.drop', 'webhook.deliver') order by key`;
    expect([...entries]).toEqual([
      {
        action: 'webhook.deliver',
        entity: 'delivery',
        entity_id: deliveryId,
        integration_id: integrationId,
        result: 'FAILED',
        error_message: 'expired',
        written_by: 'bridgework_workers',
      },
      {
        action: 'retention.drop',
        entity: 'event_month',
        entity_id: old.slice(0, 7),
        integration_id: null,
        result: 'OK',
        error_message: '2 events (0 not fanned out), 2 deliveries (1 undelivered), 2 attempts',
        written_by: 'bridgework_workers',
      },
    ]);
  });

  test('a month of which something is on its way waits; younger months stay; numbers follow their month', async () => {
    expect([...(await drop())]).toEqual([]);
    for (const month of [busy, young])
      expect(await partitions('outbox.events')).toContain(partOf('outbox.events', month));
    expect([...(await owner`select seq from integration.delivery_numbers where seq < 10 order by seq`)]).toEqual([
      { seq: '3' },
      { seq: '4' },
    ]);
  });

  test('what a clinic writes goes on while a month is being dropped: it waits for a lock no longer than a moment', async () => {
    await owner`select base.add_months(${monthOf(-9)}, ${monthOf(-9)})`;
    const reader = database.as('bridgework_integration', 1);
    await reader.begin(async (tx) => {
      await tx`select count(*) from outbox.events`;
      await expect(drop()).rejects.toMatchObject({ code: '55P03' });
      await database.as('core_app', 1)`select outbox.emit('visit.completed', 'visit', 'vis_y', '{}')`;
    });
    expect((await drop())[0]?.month).toBe(monthOf(-9).slice(0, 7));
  });
});
