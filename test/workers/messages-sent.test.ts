import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@bridgework/kernel/logger';
import type { Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClinicRows, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeProvider, MANNERS, startMessageProvider } from '../support/message-provider.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';

const NOON = '2031-03-05T09:00:00Z';
const PHONE = '+966501234567';

let house: WebhookClinic;
let provider: FakeProvider;
let core: Sql;
let clinic: ClinicRows;
let now: Date;
let lines: string[];
beforeEach(async () => {
  now = new Date(NOON);
  lines = [];
  [house, provider] = await Promise.all([openWebhookClinic(), startMessageProvider()]);
  core = house.as('core_app');
  clinic = await writeClinicRows(core);
  await core`update appointment.patients set consents = '{"sms": true}', locale = 'en'`;
});
afterEach(async () => {
  await house.close();
  await provider.close();
});

/** `count` appointments on the morning of the next day, each of another patient; `after` so many that are there. */
async function bookMany(count: number, channel: 'sms' | 'whatsapp' = 'sms', after = 0): Promise<void> {
  await core`with people as (
      insert into appointment.patients (full_name, phone_e164, consents, locale)
      select 'Patient ' || n, '+9665' || lpad((10000000 + n)::text, 8, '0'), jsonb_build_object(${channel}::text, true), 'ar'
      from generate_series(1, ${count}::integer) as n returning id
    ), numbered as (select id, ${after}::integer + row_number() over () as n from people)
    insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    select id, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, ${NOON}::timestamptz + interval '20 hours' + n * interval '1 minute',
      ${NOON}::timestamptz + interval '20 hours' + (n + 1) * interval '1 minute' from numbered`;
}

const TWILIO = () => ({
  TWILIO_ACCOUNT_SID: 'AC1',
  TWILIO_AUTH_TOKEN: 'secret',
  TWILIO_FROM: '+15005550006',
  TWILIO_URL: provider.origin,
  PUBLIC_URL: 'https://clinic.example',
});
const WHATSAPP = () => ({
  WHATSAPP_PHONE_NUMBER_ID: '106540352242922',
  WHATSAPP_ACCESS_TOKEN: 'secret',
  WHATSAPP_URL: `${provider.origin}/v23.0`,
});

async function start(
  settings: object = TWILIO(),
  environment: 'sandbox' | 'production' = 'sandbox',
  providerDeadlineMs = 150,
) {
  const log = createLogger('test', { level: 'trace', destination: { write: (line: string) => lines.push(line) } });
  const deps = { log, now: () => now, random: () => 0.5, messagesEveryMs: 5, providerDeadlineMs };
  return house.startWorkers(deps, environment, { EGRESS_ALLOW: [provider.origin], ...settings });
}
const rows = () =>
  house.sql<
    {
      id: string;
      status: string;
      status_reason: string | null;
      attempts: number;
      segments: number | null;
      provider: string;
    }[]
  >`select id, status, status_reason, attempts, segments, provider from integration.messages order by key`;
const statuses = async () => [...new Set((await rows()).map(({ status }) => status))].toSorted();
const inState = (status: string, count: number) =>
  eventually(async () => (await rows()).filter((row) => row.status === status).length === count, {
    what: `${count} are ${status}`,
  });
const alerts = async () =>
  (await house.sql`select entity_id from integration.alerts where kind = 'provider.failing' order by key`).map((row) =>
    String(row.entity_id),
  );
const told = async () =>
  (await house.sql`select kind from integration.alerts where entity = 'message_provider' order by key`).map((row) =>
    String(row.kind),
  );
const FINAL = ['DELIVERED', 'FAILED', 'SUPPRESSED'];
/** Lets time pass until every message has ended. */
async function untilAllEnded(): Promise<void> {
  await eventually(
    async () => {
      now = new Date(now.getTime() + 60_000);
      return (await rows()).length > 0 && (await statuses()).every((status) => FINAL.includes(status));
    },
    { withinMs: 30_000, what: 'every message has ended' },
  );
}

describe('a reminder goes', () => {
  test('by SMS as Twilio takes it, with segments, and with its number in no log', async () => {
    await core`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at) values
      (${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, '2031-03-06T08:00:00Z', '2031-03-06T08:30:00Z')`;
    await start();
    await inState('SENT', 1);
    const [sent] = provider.sent;
    const [row] = await rows();
    expect(sent?.path).toBe('/2010-04-01/Accounts/AC1/Messages.json');
    expect(sent?.headers.authorization).toBe(`Basic ${Buffer.from('AC1:secret').toString('base64')}`);
    expect(Object.fromEntries(new URLSearchParams(sent?.body))).toEqual({
      To: PHONE,
      From: '+15005550006',
      Body: 'Bright Smile: your appointment is on Thursday 6 March at 11:00. Reply STOP to opt out.',
      StatusCallback: `https://clinic.example/api/v1/callbacks/messages/twilio?message=${row?.id ?? ''}`,
    });
    expect(row).toMatchObject({ attempts: 1, segments: 1, provider: 'twilio' });
    // The line is written when the message is settled, a moment after others can see it.
    await eventually(() => lines.join('\n').includes(row?.id ?? 'an id'));
    expect(lines.join('\n')).not.toContain(PHONE.slice(4));
  });

  test('by WhatsApp as an approved template with its values', async () => {
    await bookMany(1, 'whatsapp');
    await start(WHATSAPP());
    await inState('SENT', 1);
    expect(provider.sent[0]?.path).toBe('/v23.0/106540352242922/messages');
    expect(JSON.parse(provider.sent[0]?.body ?? '')).toEqual({
      messaging_product: 'whatsapp',
      to: '966510000001',
      type: 'template',
      template: {
        name: 'appointment_reminder',
        language: { code: 'ar' },
        components: [
          {
            type: 'body',
            parameters: ['Bright Smile', 'الخميس، 6 مارس', '08:01'].map((text) => ({ type: 'text', text })),
          },
        ],
      },
      biz_opaque_callback_data: (await rows())[0]?.id,
    });
  });

  test('into a file that can be read, in a sandbox without providers', async () => {
    await bookMany(2);
    await start({});
    await inState('DELIVERED', 2);
    const captured = readFileSync(join(house.dataDir, 'captured-messages.jsonl'), 'utf8').trim().split('\n');
    const messages = captured.map((line) => JSON.parse(line) as { text: string; to: string; segments: number });
    expect(messages.map(({ to }) => to).toSorted()).toEqual(['••••••01', '••••••02']);
    expect(messages[0]?.text).toMatch(/^تذكير من Bright Smile: موعدك يوم /);
  });

  test('nowhere in production without providers', async () => {
    await bookMany(1);
    const workers = await start({}, 'production');
    await eventually(() => lines.some((line) => line.includes('job.done')));
    await workers.close();
    expect(await rows()).toEqual([]);
  });
});

describe('a provider that', () => {
  test.each([
    ['refuse', 'FAILED', 'exhausted:http-401', 6],
    ['failing', 'FAILED', 'exhausted:http-503', 6],
    ['hang', 'FAILED', 'no-answer', 2],
    ['nonsense', 'FAILED', 'no-answer', 2],
    ['badNumber', 'FAILED', 'rejected:21211', 1],
    ['unsubscribed', 'SUPPRESSED', 'opted-out', 1],
  ] as const)('%s leaves its messages %s: %s, after %i requests at most', async (manner, status, reason, attempts) => {
    provider.behave(MANNERS[manner]);
    await bookMany(2);
    await start();
    await untilAllEnded();
    const ended = await rows();
    expect(ended.map((row) => [row.status, row.status_reason, row.attempts])).toEqual(
      ended.map(() => [status, reason, attempts]),
    );
    for (const { id } of ended) expect(provider.sent.filter((one) => one.messageId === id)).toHaveLength(attempts);
    // What is wrong with a number is nothing that managers must hear of its provider.
    expect(await alerts()).toEqual(attempts > 1 ? ['twilio'] : []);
  });

  test('is well again is told once, by whichever worker finds it so, and not while a message waits to be tried again', async () => {
    provider.behave(MANNERS.refuse);
    await bookMany(3);
    const one = await start();
    await eventually(async () => {
      now = new Date(now.getTime() + 30_000);
      return (await told()).length > 0;
    });
    await one.close();
    const [last] = await house.sql<[{ id: string }]>`select id from integration.messages order by key desc limit 1`;
    provider.behave((sent, response) => MANNERS[sent.messageId === last.id ? 'refuse' : 'accept'](sent, response));
    await Promise.all([start(), start()]);
    await eventually(async () => {
      now = new Date(now.getTime() + 30_000);
      return (await rows()).filter(({ status }) => status === 'SENT').length === 2;
    });
    expect(await told()).toEqual(['provider.failing']);
    provider.behave(MANNERS.accept);
    await eventually(async () => {
      now = new Date(now.getTime() + 60_000);
      return (await told()).length > 1;
    });
    await bookMany(8, 'sms', 3);
    await inState('SENT', 11);
    expect(await told()).toEqual(['provider.failing', 'provider.recovered']);
  });

  test('gives every message one id is believed once; receipts find the others by ours', async () => {
    provider.behave(MANNERS.sameId);
    await bookMany(5);
    await start();
    await inState('SENT', 5);
    const ids =
      await house.sql`select provider_message_id as id from integration.messages where provider_message_id is not null`;
    expect(ids.length).toBe(1);
  });

  test('hangs is left alone after five messages: the others wait, unspent, and one alert says so', async () => {
    provider.behave(MANNERS.hang);
    await bookMany(40);
    const one = await start();
    await eventually(async () => (await alerts()).length === 1);
    // Planner and sender look equally often: while ten more are planned one after the other, the sender looks as well.
    for (let more = 1; more <= 10; more += 1) {
      await core`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at) values
        (${clinic.patientId}, ${clinic.providerIds[1]}, ${clinic.chairIds[1]}, ${NOON}::timestamptz + ${more} * interval '1 hour',
          ${NOON}::timestamptz + ${more} * interval '1 hour' + interval '30 minutes')`;
      await eventually(async () => (await rows()).length === 40 + more);
    }
    const asked = provider.sent.length;
    expect(asked).toBeLessThanOrEqual(8);
    expect((await rows()).filter(({ attempts }) => attempts === 0).length).toBe(50 - asked);
    await one.close();
    // Another worker learns it anew, and tells nobody again.
    now = new Date(now.getTime() + 60_000);
    await start();
    await eventually(() => provider.sent.length >= asked + 5);
    provider.behave(MANNERS.accept);
    await eventually(async () => {
      now = new Date(now.getTime() + 30_000);
      return (await rows()).every(({ status }) => status === 'SENT' || FINAL.includes(status));
    });
    expect((await rows()).filter(({ status }) => status === 'SENT').length).toBeGreaterThanOrEqual(40 - 2 * 8);
    // It is well again when nothing waits any more, which is seen after the last message has ended.
    await eventually(async () => (await told()).length > 1);
    expect(await alerts()).toEqual(['twilio']);
    expect(await told()).toEqual(['provider.failing', 'provider.recovered']);
  });

  test('does all of that by turns loses no message, tells no patient three times and raises one alert', async () => {
    const manners = Object.values(MANNERS);
    const perhapsTaken = [MANNERS.accept, MANNERS.sameId, MANNERS.hang, MANNERS.drip, MANNERS.nonsense, MANNERS.reset];
    const copies = new Map<string, number>();
    let turn = 0;
    provider.behave((sent, response) => {
      turn += 1;
      const manner = manners[turn % manners.length] ?? MANNERS.accept;
      if (perhapsTaken.some((one) => one === manner)) copies.set(sent.messageId, (copies.get(sent.messageId) ?? 0) + 1);
      manner(sent, response);
    });
    await bookMany(60);
    const before = await digest();
    await Promise.all([start(), start()]);
    // No receipts come here: what was sent ends when none came for three days.
    await eventually(
      async () => {
        now = new Date(now.getTime() + 120_000);
        const known = await rows();
        return known.length === 60 && known.every(({ status }) => status !== 'QUEUED');
      },
      { withinMs: 40_000 },
    );
    now = new Date(now.getTime() + 3 * 24 * 3_600_000);
    await untilAllEnded();
    const ends = await house.sql`select entity_id, count(*)::integer as n from audit.entries
      where action = 'message.finish' group by entity_id`;
    expect(ends.length).toBe(60);
    expect(new Set(ends.map(({ n }) => n))).toEqual(new Set([1]));
    expect(Math.max(...copies.values())).toBeLessThanOrEqual(2);
    expect(await alerts()).toEqual(['twilio']);
    expect(await digest()).toBe(before);
    expect(lines.join('\n')).not.toMatch(/\+?9665[0-9]{8}/);
  }, 90_000);
});

test('while providers hang, no transaction is open for them and the core writes as fast as without', async () => {
  const write = async (): Promise<number> => {
    const startedAt = performance.now();
    for (let round = 0; round < 200; round += 1) {
      await core`update appointment.patients set updated_at = now() where id = ${clinic.patientId}`;
      await core`update appointment.appointments set status = 'CONFIRMED' where starts_at = ${NOON}::timestamptz
        + interval '20 hours' + ${(round % 30) + 1} * interval '1 minute'`;
    }
    return performance.now() - startedAt;
  };
  await bookMany(30);
  await write();
  const alone = await write();
  provider.behave(MANNERS.hang);
  await start();
  await eventually(() => provider.sent.length >= 5);
  const beside = await write();
  const held = await house.sql`select 1 from pg_stat_activity where usename = 'bridgework_workers'
    and state = 'idle in transaction' and clock_timestamp() - state_change > interval '100 milliseconds'`;
  expect(held).toEqual([]);
  // Both share two processors with the workers themselves; a write that waited for a provider would take its whole deadline.
  expect(beside).toBeLessThan(alone * 3 + 1_000);
});

test('over the whole wait for a provider no lock is held: the clinic books, invoices and is paid, and may lock every table', async () => {
  const waiting: { destroy(): unknown }[] = [];
  provider.behave((_sent, response) => void waiting.push(response));
  await bookMany(8);
  const invoiceId = await issueInvoice(core, clinic, { dueOn: '2031-03-06' });
  await start(TWILIO(), 'sandbox', 60_000);
  await eventually(() => waiting.length === 8);
  await core.begin(async (tx) => {
    await tx`set local lock_timeout = '1s'`;
    await tx`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at) values
      (${clinic.patientId}, ${clinic.providerIds[1]}, ${clinic.chairIds[1]}, '2031-03-06T08:00:00Z', '2031-03-06T08:30:00Z')`;
    await tx`update appointment.appointments set status = 'CANCELLED' where starts_at < '2031-03-06T06:00:00Z'`;
    await tx`update appointment.patients set phone_e164 = '+966500000000', consents = '{}'`;
    await tx`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
      values (${invoiceId}, 'SAR', 10000, 'CASH', now())`;
  });
  // Nothing conflicts with this but a transaction that has so much as read one of them and is still open. It waits less than
  // the two seconds after which the database itself would end one of the workers' that stands idle.
  await house.sql.begin(async (tx) => {
    await tx`set local lock_timeout = '1s'`;
    await tx`lock table appointment.appointments, appointment.patients, billing.invoices, billing.installments,
      billing.payments, integration.messages, integration.alerts in access exclusive mode`;
  });
  expect(waiting).toHaveLength(8);
  expect((await rows()).filter(({ attempts }) => attempts > 0).map(({ status }) => status)).toEqual(
    Array.from({ length: 8 }, () => 'QUEUED'),
  );
  for (const response of waiting) response.destroy();
});

/** Every row of the clinic's own. */
async function digest(): Promise<string> {
  const [row] = await house.sql<[{ md5: string }]>`select md5(
    (select string_agg(a::text, '|' order by key) from appointment.appointments a)
    || (select string_agg(p::text, '|' order by key) from appointment.patients p)) as md5`;
  return row.md5;
}
