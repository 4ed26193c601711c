import type { Sql, TransactionSql } from 'postgres';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';
import { verifyBody } from '../support/verify-body.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';

const withoutRedis = whyNoRedis();

describe('webhooks on PostgreSQL alone', () => suite(async () => undefined));
describe.skipIf(withoutRedis !== undefined)(
  `webhooks on Redis${withoutRedis === undefined ? '' : ` (skipped: ${withoutRedis})`}`,
  () => suite(openRedis),
);

function suite(openQueue: () => Promise<TestRedis | undefined>): void {
  let redis: TestRedis | undefined;
  let clinic: WebhookClinic;

  beforeAll(async () => {
    redis = await openQueue();
  });
  afterAll(async () => {
    await redis?.close();
  });
  beforeEach(async () => {
    clinic = await openWebhookClinic(redis === undefined ? {} : { redisUrl: redis.url });
  });
  afterEach(async () => {
    await clinic.close();
  });

  const states = async () => {
    const rows = await clinic.sql<{ state: string; n: number }[]>`
      select state, count(*)::integer as n from integration.deliveries group by state`;
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  };
  const delivered = (count: number) =>
    eventually(async () => (await states()).DELIVERED === count, { what: `${count} delivered`, withinMs: 15_000 });
  const delivery = async (eventId: string) => {
    const [row] = await clinic.sql`select * from integration.deliveries where event_id = ${eventId}`;
    return row;
  };
  const emitMany = async (count: number) => {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) ids.push(await clinic.emit());
    return ids;
  };

  test('an event arrives once, signed so that off-the-shelf libraries and twenty lines of code believe it', async () => {
    const receiver = await clinic.receiver();
    const { secrets } = await clinic.endpoint({ url: receiver.url, secrets: 2 });
    await clinic.startWorkers();
    const eventId = await clinic.emit();
    const event = await eventually(() => receiver.events[0]);
    for (const secret of secrets) {
      expect(new StandardWebhook(secret).verify(event.body, event.headers)).toMatchObject({ event_id: eventId });
      expect(new SvixWebhook(secret).verify(event.body, event.headers)).toMatchObject({ event_id: eventId });
      expect(verifyBody(event.body, secret)).toBe(true);
    }
    expect(event.payload).toMatchObject({
      api_version: 'v1',
      event_type: 'appointment.completed',
      entity_type: 'appointment',
      livemode: false,
      data: { completed_at: '2026-03-01T07:00:00.120Z' },
    });
    await delivered(1);
    expect(receiver.events).toHaveLength(1);
    const attempts = await clinic.sql`select number, outcome, http_status from integration.delivery_attempts`;
    expect(attempts).toEqual([{ number: 1, outcome: 'ok', http_status: 204 }]);
    const audit =
      await clinic.sql`select action, entity, result, actor from audit.entries where action = 'webhook.deliver'`;
    expect(audit).toEqual([
      { action: 'webhook.deliver', entity: 'delivery', result: 'OK', actor: 'system webhook.deliver' },
    ]);
  });

  test("raw SQL of the clinic's own application is told as well, and what it rolls back is not", async () => {
    const receiver = await clinic.receiver();
    await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers();
    const core = clinic.as('core_app');
    await core`insert into inventory.items (sku, name, reorder_point) values ('GLV-M', 'Gloves', 5)`;
    const move = (sql: Sql | TransactionSql, quantity: number, reason: string) => sql`
      insert into inventory.stock_movements (item_key, quantity, reason)
      select key, ${quantity}, ${reason} from inventory.items where sku = 'GLV-M'`;
    await move(core, 10, 'PURCHASE');
    await core
      .begin(async (tx) => {
        await move(tx, -9, 'USE');
        throw new Error('the core changed its mind');
      })
      .catch(() => undefined);
    await move(core, -6, 'USE');
    await delivered(1);
    expect(receiver.events.map(({ payload }) => [payload.event_type, payload.data])).toEqual([
      ['inventory.low_stock', { item_id: expect.stringMatching(/^itm_/), sku: 'GLV-M', on_hand: 4, reorder_point: 5 }],
    ]);
  });

  test('a transaction that is rolled back tells nobody', async () => {
    const receiver = await clinic.receiver();
    await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers();
    await clinic.sql
      .begin(async (tx) => {
        await tx`insert into outbox.events (type, entity_type, entity_id, data)
          values ('appointment.completed', 'appointment', 'apt_x', '{"id": "apt_x", "completed_at": "2026-03-01T10:00:00Z"}')`;
        throw new Error('the core changed its mind');
      })
      .catch(() => undefined);
    const told = await clinic.emit();
    await delivered(1);
    expect(receiver.events.map(({ payload }) => payload.event_id)).toEqual([told]);
  });

  test('a failure is tried again until it succeeds, under the same id, each attempt on record', async () => {
    const receiver = await clinic.receiver();
    receiver.answer((_, count) => (count < 3 ? 500 : 200));
    await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers({ scheduleSeconds: [0.05, 0.05, 0.05] });
    const eventId = await clinic.emit();
    await delivered(1);
    expect(new Set(receiver.events.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([eventId]));
    const attempts =
      await clinic.sql`select number, outcome, http_status from integration.delivery_attempts order by number`;
    expect(attempts.map(({ number, outcome, http_status }) => [number, outcome, http_status])).toEqual([
      [1, 'http', 500],
      [2, 'http', 500],
      [3, 'ok', 200],
    ]);
  });

  test('after the last step of the schedule a delivery is dead, and the audit log says so', async () => {
    const receiver = await clinic.receiver();
    receiver.answer(() => ({ status: 500, body: 'no' }));
    await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers({ scheduleSeconds: [0.02, 0.02] });
    const eventId = await clinic.emit();
    await eventually(async () => (await delivery(eventId))?.dead_reason === 'exhausted');
    expect(receiver.events).toHaveLength(3);
    const audit = await clinic.sql`select result, error_message from audit.entries where action = 'webhook.deliver'`;
    expect(audit).toEqual([{ result: 'FAILED', error_message: 'exhausted' }]);
    const [attempt] = await clinic.sql`select response_prefix from integration.delivery_attempts`;
    expect(attempt?.response_prefix).toBe('no');
  });

  test('410 ends the delivery, disables the endpoint and holds what follows', async () => {
    const receiver = await clinic.receiver();
    receiver.answer(() => 410);
    const { key } = await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers();
    const eventId = await clinic.emit();
    await eventually(async () => (await delivery(eventId))?.dead_reason === 'gone');
    const [endpoint] = await clinic.sql`select status from integration.webhook_endpoints where key = ${key}`;
    expect(endpoint?.status).toBe('DISABLED');
    const next = await clinic.emit();
    await eventually(async () => (await delivery(next))?.state === 'HELD');
    expect(receiver.events).toHaveLength(1);
  });

  test('a receiver that hangs delays no other', async () => {
    const [slow, quick] = [await clinic.receiver(), await clinic.receiver()];
    slow.answer(() => 'never');
    await clinic.endpoint({ url: slow.url, timeoutMs: 10_000 });
    await clinic.endpoint({ url: quick.url });
    const workers = await clinic.startWorkers();
    await emitMany(40);
    await eventually(() => quick.events.length === 40, { withinMs: 5_000 });
    await eventually(() => slow.events.length > 0);
    // What hangs is never more than the endpoint's share.
    expect(slow.events.length).toBeLessThanOrEqual(4);
    await slow.close();
    await workers.close();
  });

  test('deliveries are numbered without a gap, however many dispatchers run', async () => {
    const { key } = await clinic.endpoint({ url: null });
    await Promise.all([clinic.startWorkers(), clinic.startWorkers(), clinic.startWorkers()]);
    await Promise.all(Array.from({ length: 8 }, () => emitMany(25)));
    const seqs = await eventually(async () => {
      const rows = await clinic.sql<{ seq: string }[]>`
        select seq from integration.deliveries where endpoint_key = ${key} order by seq`;
      return rows.length === 200 ? rows.map(({ seq }) => Number(seq)) : undefined;
    });
    expect(seqs).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('two workers and every wake-up twice deliver each event once', async () => {
    const receiver = await clinic.receiver();
    await clinic.endpoint({ url: receiver.url });
    await Promise.all([clinic.startWorkers(), clinic.startWorkers()]);
    await Promise.all(Array.from({ length: 5 }, () => emitMany(20)));
    await delivered(100);
    expect(receiver.events).toHaveLength(100);
    expect(new Set(receiver.events.map(({ payload }) => payload.event_id)).size).toBe(100);
  });

  test('what a dead worker had leased is sent by the next one, and its late word is refused', async () => {
    const receiver = await clinic.receiver();
    const { key } = await clinic.endpoint({ url: receiver.url });
    const eventId = await clinic.emit();
    await clinic.sql`update outbox.events set fanned_out_at = now()`;
    await clinic.sql`
      insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq)
      values (${eventId}, 'appointment.completed', 'apt_x', ${key}, 1)`;
    await clinic.sql`update integration.deliveries set state = 'LEASED', lease_token = gen_random_uuid(),
      lease_expires_at = now() + interval '300 ms'`;
    await clinic.startWorkers();
    await delivered(1);
    expect(await delivery(eventId)).toMatchObject({ attempts: 1, crashes: 0 });
    expect(receiver.events).toHaveLength(1);
  });

  test('a delivery that its worker does not survive three times is taken for poison', async () => {
    const { key } = await clinic.endpoint({ url: 'http://127.0.0.1:9/' });
    const eventId = await clinic.emit();
    await clinic.sql`update outbox.events set fanned_out_at = now()`;
    await clinic.sql`
      insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq)
      values (${eventId}, 'appointment.completed', 'apt_x', ${key}, 1)`;
    await clinic.sql`update integration.deliveries set state = 'LEASED', crashes = 2, lease_token = gen_random_uuid(),
      lease_expires_at = now()`;
    await clinic.startWorkers();
    await eventually(async () => (await delivery(eventId))?.dead_reason === 'poison');
  });

  test('what its worker did not survive is sent alone, whatever comes meanwhile', async () => {
    const receiver = await clinic.receiver();
    const elsewhere = await clinic.receiver();
    const { key } = await clinic.endpoint({ url: receiver.url });
    const eventId = await clinic.emit();
    await clinic.sql`update outbox.events set fanned_out_at = now()`;
    await clinic.sql`
      insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq)
      values (${eventId}, 'appointment.completed', 'apt_x', ${key}, 1)`;
    await clinic.sql`update integration.webhook_endpoints set last_seq = 1 where key = ${key}`;
    await clinic.sql`update integration.deliveries set state = 'LEASED', crashes = 1, lease_token = gen_random_uuid(),
      lease_expires_at = now()`;
    await clinic.endpoint({ url: elsewhere.url });
    let goOn = (): void => undefined;
    const told = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    receiver.answer(async (_received, count) => {
      if (count === 1) await told;
      return 204;
    });
    await clinic.startWorkers();
    await eventually(() => receiver.events.length === 1);
    await emitMany(3);
    await eventually(() => elsewhere.events.length === 3);
    expect(receiver.events).toHaveLength(1);
    goOn();
    await delivered(7);
    expect(receiver.events.map(({ payload }) => payload.event_id)[0]).toBe(eventId);
  });

  test('paused endpoints and integrations hold their deliveries and lose none', async () => {
    const receiver = await clinic.receiver();
    const integration = await clinic.integration();
    const { key } = await clinic.endpoint({ url: receiver.url, integrationKey: integration.key });
    await clinic.startWorkers();
    await clinic.sql`update integration.webhook_endpoints set status = 'PAUSED' where key = ${key}`;
    const first = await clinic.emit();
    await eventually(async () => (await delivery(first))?.state === 'HELD');
    await clinic.sql`update integration.integrations set status = 'PAUSED' where key = ${integration.key}`;
    await clinic.sql`update integration.webhook_endpoints set status = 'ACTIVE' where key = ${key}`;
    const second = await clinic.emit();
    await eventually(async () => (await delivery(second))?.state === 'HELD');
    expect(receiver.events).toHaveLength(0);
    await clinic.sql`update integration.integrations set status = 'ACTIVE' where key = ${integration.key}`;
    await delivered(2);
    expect(await delivery(first)).toMatchObject({ attempts: 1 });
  });

  test('a withdrawn scope ends what needs it and hides amounts', async () => {
    const receiver = await clinic.receiver();
    const integration = await clinic.integration();
    await clinic.endpoint({ url: receiver.url, integrationKey: integration.key });
    await clinic.sql`update integration.integrations
      set approved_scopes = array['webhook:receive', 'read:invoices'] where key = ${integration.key}`;
    await clinic.startWorkers();
    const withheld = await clinic.emit('appointment.completed');
    const invoice = await clinic.emit('invoice.created', {
      id: 'inv_1',
      patient_id: 'pat_1',
      currency: 'SAR',
      total_minor: 100,
      due_on: '2026-03-01',
    });
    await eventually(async () => (await delivery(withheld))?.dead_reason === 'unauthorised');
    await delivered(1);
    expect(receiver.events.map(({ payload }) => [payload.event_id, payload.data])).toEqual([
      [invoice, { id: 'inv_1', patient_id: 'pat_1', currency: 'SAR', due_on: '2026-03-01' }],
    ]);
  });

  test('of a withdrawn scope nothing is sent, however much of it waits', async () => {
    const receiver = await clinic.receiver();
    const integration = await clinic.integration();
    await clinic.endpoint({ url: receiver.url, integrationKey: integration.key });
    await clinic.sql`update integration.integrations set approved_scopes = array['webhook:receive']
      where key = ${integration.key}`;
    await clinic.sql`insert into outbox.events (type, entity_type, entity_id, data)
      select 'appointment.completed', 'appointment', 'apt_x', jsonb_build_object('id', 'apt_x', 'completed_at', now())
      from generate_series(1, 1200)`;
    await clinic.startWorkers();
    await eventually(
      async () => {
        const [row] = await clinic.sql`select count(*)::integer as n from integration.deliveries
          where dead_reason = 'unauthorised'`;
        return row?.n === 1_200;
      },
      { withinMs: 20_000 },
    );
    expect(receiver.events).toEqual([]);
  });

  test('an event that breaks its contract stops nothing behind it', async () => {
    const receiver = await clinic.receiver();
    await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers({ scheduleSeconds: [] });
    const broken = await clinic.emit('appointment.completed', { id: 'apt_1' });
    const sound = await clinic.emit();
    await eventually(() => receiver.events.some(({ payload }) => payload.event_id === sound));
    await eventually(async () => (await delivery(broken))?.state === 'DEAD');
    expect(receiver.events).toHaveLength(1);
  });

  test('an endpoint gets no event before it has answered a signed challenge', async () => {
    const receiver = await clinic.receiver();
    const { id, secrets } = await clinic.endpoint({ url: receiver.url, status: 'PENDING_VERIFICATION' });
    const before = await clinic.emit();
    receiver.answerChallenges(async () => {
      await eventually(async () => {
        const [row] = await clinic.sql`select fanned_out_at from outbox.events where id = ${before}`;
        return row?.fanned_out_at;
      });
      return 204;
    });
    await clinic.startWorkers();
    await eventually(async () => {
      const [row] = await clinic.sql`select status from integration.webhook_endpoints where id = ${id}`;
      return row?.status === 'ACTIVE';
    });
    const [challenge] = receiver.challenges;
    expect(new StandardWebhook(secrets[0] ?? '').verify(challenge?.body ?? '', challenge?.headers ?? {})).toMatchObject(
      {
        event_type: 'endpoint.verification',
        entity_id: id,
      },
    );
    const after = await clinic.emit();
    await delivered(1);
    expect(receiver.events.map(({ payload }) => payload.event_id)).toEqual([after]);
  });

  test('an endpoint whose receiver refuses the challenge stays closed and is asked again', async () => {
    const receiver = await clinic.receiver();
    receiver.answerChallenges(() => (receiver.challenges.length < 3 ? 404 : 200));
    const { id } = await clinic.endpoint({ url: receiver.url, status: 'PENDING_VERIFICATION' });
    await clinic.startWorkers();
    await eventually(async () => {
      const [row] = await clinic.sql`select status from integration.webhook_endpoints where id = ${id}`;
      return row?.status === 'ACTIVE' && receiver.challenges.length === 3;
    });
  });

  test('five refused connections open the breaker: deliveries are held and use up no attempt', async () => {
    const receiver = await clinic.receiver();
    const { key } = await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers({ scheduleSeconds: Array.from({ length: 50 }, () => 0.01) });
    await receiver.close();
    await emitMany(8);
    await eventually(async () => {
      const [row] = await clinic.sql`select breaker_state from integration.webhook_endpoints where key = ${key}`;
      return row?.breaker_state === 'OPEN';
    });
    await eventually(async () => (await states()).HELD === 8);
    const [count] = await clinic.sql`select count(*)::integer as n from integration.delivery_attempts`;
    expect(count?.n).toBeLessThanOrEqual(10);
  });

  test('a probe that fails is the only request that is sent', async () => {
    const receiver = await clinic.receiver();
    // Long enough for a worker to claim more meanwhile, if it did.
    receiver.answer(async () => {
      for (let look = 0; look < 100; look += 1) await clinic.sql`select 1`;
      return 500;
    });
    const { key } = await clinic.endpoint({ url: receiver.url });
    await clinic.sql`update integration.webhook_endpoints set breaker_state = 'OPEN', breaker_openings = 1,
      breaker_opened_at = now(), breaker_retry_at = now() + interval '500 ms' where key = ${key}`;
    await emitMany(10);
    await clinic.startWorkers();
    await eventually(async () => {
      const [row] = await clinic.sql`select breaker_openings from integration.webhook_endpoints where key = ${key}`;
      return row?.breaker_openings === 2;
    });
    await eventually(async () => (await states()).HELD === 10);
    expect(receiver.events).toHaveLength(1);
  });

  test('a half-open breaker probes, closes and lets everything go', async () => {
    const receiver = await clinic.receiver();
    const { key } = await clinic.endpoint({ url: receiver.url });
    await clinic.sql`update integration.webhook_endpoints set breaker_state = 'OPEN', breaker_openings = 1,
      breaker_opened_at = now(), breaker_retry_at = now() + interval '500 ms' where key = ${key}`;
    await clinic.startWorkers();
    await emitMany(10);
    await delivered(10);
    const [row] = await clinic.sql`select breaker_state from integration.webhook_endpoints where key = ${key}`;
    expect(row?.breaker_state).toBe('CLOSED');
  });

  test('with entity ordering the next event of an entity waits for the previous one', async () => {
    const receiver = await clinic.receiver();
    const { key } = await clinic.endpoint({ url: receiver.url, ordering: 'ENTITY', maxInFlight: 8 });
    receiver.answer((_, count) => (count === 1 ? 500 : 200));
    await clinic.sql`
      insert into outbox.events (type, entity_type, entity_id, data)
      select 'appointment.completed', 'appointment', 'apt_same', jsonb_build_object('id', 'apt_same', 'completed_at', now())
      from generate_series(1, 5)`;
    await clinic.startWorkers({ scheduleSeconds: [0.1, 0.1] });
    await delivered(5);
    const order = await clinic.sql<{ event_id: string }[]>`
      select event_id from integration.deliveries where endpoint_key = ${key} order by seq`;
    const arrived = [...new Set(receiver.events.map(({ payload }) => payload.event_id))];
    expect(arrived).toEqual(order.map(({ event_id }) => event_id));
  });

  test('told to stop, a worker sends nothing new, waits for answers and writes them down', async () => {
    const receiver = await clinic.receiver();
    let waiting = 0;
    const answers: (() => void)[] = [];
    receiver.answer(async () => {
      waiting += 1;
      await new Promise<void>((resolve) => answers.push(resolve));
      return 200;
    });
    await clinic.endpoint({ url: receiver.url, timeoutMs: 10_000 });
    const workers = await clinic.startWorkers();
    await emitMany(20);
    await eventually(() => waiting === 4);
    const closed = workers.close();
    const release = setInterval(() => {
      for (const answer of answers.splice(0)) answer();
    }, 20);
    await closed;
    const arrived = receiver.events.length;
    expect((await states()).DELIVERED).toBe(arrived);
    expect((await states()).LEASED).toBeUndefined();
    await clinic.startWorkers();
    await delivered(20);
    clearInterval(release);
    expect(receiver.events).toHaveLength(20);
  });

  test('losing everything in the queue loses nothing', async () => {
    const receiver = await clinic.receiver();
    receiver.answer((_, count) => (count % 7 === 0 ? 500 : 200));
    await clinic.endpoint({ url: receiver.url });
    await clinic.startWorkers({ scheduleSeconds: Array.from({ length: 20 }, () => 0.05) });
    const wipe = () => (redis === undefined ? wipePostgresQueue(clinic) : redis.flushAll());
    for (let round = 0; round < 5; round += 1) {
      await emitMany(20);
      await wipe();
    }
    await delivered(100);
  });

  test('no secret and no payload is ever in the queue', async () => {
    const receiver = await clinic.receiver();
    receiver.answer(() => 'never');
    const { id, secrets } = await clinic.endpoint({ url: receiver.url, timeoutMs: 10_000 });
    const workers = await clinic.startWorkers();
    const eventIds = await emitMany(10);
    await eventually(async () => {
      const seen = redis === undefined ? await dumpPostgresQueue(clinic) : await redis.dump();
      for (const secret of [...secrets, ...eventIds, 'whsec_']) expect(seen).not.toContain(secret);
      return seen.includes(id);
    });
    await receiver.close();
    await workers.close();
  });

  // One that REDIS_URL gave us is not ours to kill.
  const mayKill = openQueue === openRedis && !process.env.REDIS_URL;
  if (mayKill) {
    test('while Redis is away deliveries go on, and nothing crashes', async () => {
      if (redis === undefined) throw new Error('This suite has no Redis.');
      const receiver = await clinic.receiver();
      await clinic.endpoint({ url: receiver.url });
      await clinic.startWorkers();
      await emitMany(5);
      await delivered(5);
      await redis.kill();
      await emitMany(20);
      await delivered(25);
      await redis.restart();
      await emitMany(5);
      await delivered(30);
      expect(receiver.events).toHaveLength(30);
    });
  }
}

async function wipePostgresQueue({ sql }: WebhookClinic): Promise<void> {
  await sql`delete from queue.job`;
}

async function dumpPostgresQueue({ sql }: WebhookClinic): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select quote_ident(table_name) as name from information_schema.tables where table_schema = 'queue'`;
  const contents = await Promise.all(tables.map(({ name }) => sql.unsafe(`select * from queue.${name}`)));
  return JSON.stringify(contents);
}
