import { settleDeliveries } from '@bridgework/integration';
import { openDatabase } from '@bridgework/kernel/database';
import { createLogger } from '@bridgework/kernel/logger';
import { createMetrics } from '@bridgework/kernel/metrics';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { troublesOf } from '../../subgraphs/integration/src/deliveries/troubles.ts';
import { eventually } from '../support/eventually.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';

let clinic: WebhookClinic;
let mail: MailServer;
beforeEach(async () => {
  [clinic, mail] = await Promise.all([openWebhookClinic(), startMailServer()]);
});
afterEach(async () => {
  await clinic.close();
  await mail.close();
});

const emitMany = (count: number) => clinic.sql`
  insert into outbox.events (type, entity_type, entity_id, data)
  select 'appointment.completed', 'appointment', 'apt_x', jsonb_build_object('id', 'apt_x', 'completed_at', now())
  from generate_series(1, ${count}::integer)`;
const alerts = async (entityId: string) =>
  (await clinic.sql`select kind from integration.alerts where entity_id = ${entityId} order by key`).map(({ kind }) =>
    String(kind),
  );

test('what results say of an endpoint is one trouble of each kind, however many they are', () => {
  const attempt = (attempts: number, state: string, deadReason: string | null = null) =>
    ({ kind: 'attempt', endpointId: 'whe_1', attempts, state, deadReason }) as const;
  expect(troublesOf([1, 2, 3, 5, 6].map((attempts) => attempt(attempts, 'PENDING')))).toEqual([]);
  expect(troublesOf([attempt(4, 'DELIVERED')])).toEqual([]);
  const many = Array.from({ length: 100 }, () => [
    attempt(4, 'PENDING'),
    attempt(10, 'DEAD', 'exhausted'),
    attempt(1, 'DEAD', 'gone'),
    { kind: 'breaker', endpointId: 'whe_1', state: 'open' } as const,
    { kind: 'breaker', endpointId: 'whe_1', state: 'half-open' } as const,
  ]).flat();
  expect(troublesOf(many).map(({ kind }) => kind)).toEqual(['failing', 'exhausted', 'disabled', 'breaker_open']);
});

test('10,000 failures are one alert of each kind and one recovery, and people get them in few mails', async () => {
  const receiver = await clinic.receiver();
  const endpoint = await clinic.endpoint({ url: receiver.url });
  await clinic.sql`update integration.webhook_endpoints set status = 'PAUSED' where key = ${endpoint.key}`;
  const settings = {
    SMTP_URL: mail.url,
    ALERT_MAIL_TO: ['manager@clinic.example'],
    ALERT_MAIL_FROM: 'b@clinic.example',
  };
  mail.refuse(true);
  await emitMany(DELIVERIES);
  const dispatching = await clinic.startWorkers();
  await eventually(async () => {
    const [row] = await clinic.sql<[{ n: number }]>`select count(*)::integer as n from integration.deliveries`;
    return row.n === DELIVERIES;
  });
  await dispatching.close();
  await clinic.sql`update integration.deliveries set state = 'PENDING' where state = 'HELD'`;
  for (let round = 1; round <= ROUNDS; round += 1) await failAll(endpoint.key, round);
  const [failures] = await clinic.sql<[{ n: number }]>`
    select count(*)::integer as n from integration.delivery_attempts where outcome = 'http'`;
  expect(failures.n).toBe(DELIVERIES * ROUNDS);
  const troubles = ['endpoint.breaker_open', 'endpoint.exhausted', 'endpoint.failing'];
  expect((await alerts(endpoint.id)).toSorted()).toEqual(troubles);

  await clinic.sql`update integration.webhook_endpoints set status = 'ACTIVE', breaker_state = 'CLOSED',
    breaker_retry_at = null where key = ${endpoint.key}`;
  const workers = await clinic.startWorkers({ mailEveryMs: 100 }, 'sandbox', settings);
  await emitMany(20);
  await eventually(async () => (await alerts(endpoint.id)).includes('endpoint.recovered'));
  await emitMany(20);
  await eventually(() => receiver.events.length === 40);
  expect((await alerts(endpoint.id)).toSorted()).toEqual([...troubles, 'endpoint.recovered']);

  expect(mail.mails).toEqual([]);
  mail.refuse(false);
  await eventually(async () => {
    const [row] = await clinic.sql<[{ n: number }]>`
      select count(*)::integer as n from integration.alerts where notified_at is null`;
    return row.n === 0;
  });
  const told = mail.mails.map(({ text }) => text).join('\n');
  for (const kind of [...troubles, 'endpoint.recovered']) expect(told.split(`Z  ${kind}\n`)).toHaveLength(2);
  expect(mail.mails.every(({ to }) => to.includes('manager@clinic.example'))).toBe(true);
  await workers.close();
}, 60_000);

const DELIVERIES = 2_000;
const ROUNDS = 5;

/** As lanes would, four at once: every delivery fails once more, and in the last round for good. */
async function failAll(endpointKey: number, round: number): Promise<void> {
  const rows = await clinic.sql<{ key: string; month: string; lease_token: string }[]>`
    with leased as (
      update integration.deliveries set state = 'LEASED', lease_token = gen_random_uuid(),
        lease_expires_at = now() + interval '1 hour' where endpoint_key = ${endpointKey} and state = 'PENDING' returning *
    ) select key, event_month::text as month, lease_token from leased`;
  const verdict =
    round < ROUNDS
      ? { kind: 'retry' as const, delaySeconds: 0 }
      : { kind: 'dead' as const, reason: 'exhausted' as const };
  const attempts = rows.map(({ key, month, lease_token }) => ({
    deliveryKey: Number(key),
    deliveryMonth: month,
    endpointKey,
    leaseToken: lease_token,
    startedAt: new Date(),
    durationMs: 1,
    outcome: 'http',
    httpStatus: 500,
    responsePrefix: null,
    verdict,
  }));
  const breaker = { endpointKey, state: 'open' as const, waitMs: 60_000, opens: round, probes: 0 };
  const database = openDatabase({
    url: clinic.urlFor('bridgework_workers'),
    applicationName: 'test',
    maxConnections: 4,
  });
  const log = createLogger('test', { level: 'silent' });
  const caller = { kind: 'system', job: 'webhook.deliver' } as const;
  const ctx = { db: database.db, caller, now: () => new Date(), log, requestId: 'req_x' };
  const batches = Array.from({ length: 8 }, (_, at) => attempts.filter((__, index) => index % 8 === at));
  await Promise.all(
    batches.map((batch, at) =>
      settleDeliveries(ctx, { attempts: batch, releases: [], breakers: at === 0 ? [breaker] : [] }),
    ),
  );
  await database.close();
}

test('an endpoint that says 410 is disabled and told of, and its deliveries are held, not lost', async () => {
  const receiver = await clinic.receiver();
  const endpoint = await clinic.endpoint({ url: receiver.url });
  receiver.answer(() => 410);
  const workers = await clinic.startWorkers();
  await emitMany(1);
  await eventually(async () => (await alerts(endpoint.id)).includes('endpoint.disabled'));
  await emitMany(1);
  await eventually(async () => {
    const rows = await clinic.sql`select state from integration.deliveries order by seq`;
    return rows.map(({ state }) => state).join() === 'DEAD,HELD';
  });
  await workers.close();
});

test('what is overdue at an open endpoint is told of', async () => {
  const receiver = await clinic.receiver();
  receiver.answer(() => 'never');
  const endpoint = await clinic.endpoint({ url: receiver.url, maxInFlight: 1, timeoutMs: 10_000 });
  const workers = await clinic.startWorkers({ dueAgeLimitSeconds: 1 });
  await emitMany(3);
  await eventually(async () => (await alerts(endpoint.id)).includes('endpoint.due_age'));
  await receiver.close();
  await workers.close();
});

test('metrics tell what is due, on its way, held, dead and behind', async () => {
  const receiver = await clinic.receiver();
  receiver.answer((_, count) => (count === 1 ? 'never' : 404));
  await clinic.endpoint({ url: receiver.url, maxInFlight: 2, timeoutMs: 10_000 });
  await clinic.endpoint({ url: receiver.url, status: 'PAUSED' });
  const metrics = createMetrics('workers');
  const workers = await clinic.startWorkers({ metrics, scheduleSeconds: [] });
  await emitMany(2);
  await eventually(async () => {
    const { text } = await metrics.render();
    return [
      /bridgework_webhook_in_flight\{process="workers"\} 1/,
      /bridgework_webhook_attempts_total\{outcome="http",process="workers"\} 1/,
      /bridgework_webhook_held\{process="workers"\} 2/,
      /bridgework_webhook_dead\{reason="exhausted",process="workers"\} 1/,
      /bridgework_webhook_breakers\{state="closed",process="workers"\} 2/,
      /bridgework_webhook_due_age_seconds\{process="workers"\} \d/,
      /bridgework_outbox_lag_seconds\{process="workers"\} 0/,
    ].every((wanted) => wanted.test(text));
  });
  await receiver.close();
  await workers.close();
});
