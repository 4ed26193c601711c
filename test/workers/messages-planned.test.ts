import {
  claimMessages,
  endOldMessages,
  type MessageChannel,
  planMessages,
  raiseProviderFailing,
  raiseProviderRecovered,
  recordOptOut,
} from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import type { Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bookAppointment, type ClinicRows, draftInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** Riyadh is three hours ahead of UTC, all year. */
const NOON = '2031-03-05T09:00:00Z';

let database: TestDatabase;
let workers: Database;
let core: Sql;
let owner: Sql;
let clinic: ClinicRows;
let now: Date;
let ctx: Context;

async function open(timeZone = 'Asia/Riyadh') {
  database = await createDatabase();
  core = database.as('core_app');
  owner = database.as('owner', 2);
  clinic = await writeClinicRows(core, timeZone);
  workers = openDatabase({ url: database.urlFor('bridgework_workers'), applicationName: 'test', maxConnections: 4 });
  now = new Date(NOON);
  const caller = { kind: 'system', job: 'test' } as const;
  const log = createLogger('test', { level: 'silent' });
  ctx = { db: workers.db, caller, now: () => now, log, requestId: newId('req') };
  await agreeTo({ sms: true });
}
const close = async () => {
  await workers.close();
  await database.drop();
};
beforeEach(() => open());
afterEach(close);

const at = (instant: string) => {
  now = new Date(instant);
};
const agreeTo = (consents: object, patientId = clinic.patientId) =>
  core`update appointment.patients set consents = ${core.json(consents as never)} where id = ${patientId}`;
const book = (startsAt: string) =>
  bookAppointment(core, clinic, { startsAt, endsAt: new Date(Date.parse(startsAt) + 1_800_000).toISOString() });
const plan = (channels: readonly MessageChannel[] = ['WHATSAPP', 'SMS']) => planMessages(ctx, channels);
const claim = (channel: MessageChannel = 'SMS') => claimMessages(ctx, { channel, atMost: 50, leaseSeconds: 30 });
const rows = () =>
  owner<
    { channel: string; status: string; status_reason: string | null; send_at: Date; entity_id: string; id: string }[]
  >`select channel, status, status_reason, send_at, entity_id, id from integration.messages order by key`;
const outcome = async () => (await rows()).map((row) => [row.status, row.status_reason]);
const sendAt = async () => (await rows()).map((row) => row.send_at.toISOString());

describe('an appointment', () => {
  test('is reminded of once for each start time, however often and by however many it is looked at', async () => {
    const id = await book('2031-03-06T08:00:00Z');
    await book('2031-03-06T10:00:00Z');
    await Promise.all(Array.from({ length: 8 }, () => plan()));
    await plan();
    expect((await rows()).map((row) => row.entity_id)).toEqual([id]);
    expect((await claim()).map(({ phone }) => phone)).toEqual(['+966501234567']);

    await core`update appointment.appointments set starts_at = '2031-03-06T07:00:00Z', ends_at = '2031-03-06T07:30:00Z'
      where id = ${id}`;
    expect(await plan()).toBe(1);
    expect(await plan()).toBe(0);
    expect((await rows()).map((row) => row.entity_id)).toEqual([id, id]);
  });

  test('that was moved, cancelled or is over when its reminder is due is not reminded of', async () => {
    const [moved, cancelled] = [await book('2031-03-06T07:00:00Z'), await book('2031-03-06T08:00:00Z')];
    await plan();
    await core`update appointment.appointments set starts_at = '2031-03-09T07:00:00Z', ends_at = '2031-03-09T07:30:00Z'
      where id = ${moved}`;
    await core`update appointment.appointments set status = 'CANCELLED' where id = ${cancelled}`;
    expect(await claim()).toEqual([]);
    expect(await outcome()).toEqual([
      ['SUPPRESSED', 'no-longer-due'],
      ['SUPPRESSED', 'no-longer-due'],
    ]);
  });

  test('is reminded of before it begins or not at all', async () => {
    await book('2031-03-05T10:00:00Z');
    await plan();
    at('2031-03-05T10:00:00Z');
    expect(await claim()).toEqual([]);
    expect(await outcome()).toEqual([['SUPPRESSED', 'too-late']]);
  });
});

describe('in the quiet hours of the clinic', () => {
  test('what is planned between 21:00 and 09:00 waits until 09:00, to the second', async () => {
    const instants = [
      ['2031-03-05T17:59:59Z', '2031-03-05T17:59:59.000Z'],
      ['2031-03-05T18:00:00Z', '2031-03-06T06:00:00.000Z'],
      ['2031-03-05T21:30:00Z', '2031-03-06T06:00:00.000Z'],
      ['2031-03-06T05:59:59Z', '2031-03-06T06:00:00.000Z'],
      ['2031-03-06T06:00:00Z', '2031-03-06T06:00:00.000Z'],
    ] as const;
    for (const [position, [instant]] of instants.entries()) {
      at(instant);
      await book(`2031-03-06T1${position}:00:00Z`);
      await plan();
    }
    expect(await sendAt()).toEqual(instants.map(([, until]) => until));
  });

  test('nothing is sent, although it was due before: it waits for 09:00', async () => {
    await book('2031-03-06T12:00:00Z');
    at('2031-03-05T17:00:00Z');
    await plan();
    at('2031-03-05T18:00:00Z');
    expect(await claim()).toEqual([]);
    expect(await sendAt()).toEqual(['2031-03-06T06:00:00.000Z']);
    at('2031-03-06T05:59:59Z');
    expect(await claim()).toEqual([]);
    at('2031-03-06T06:00:00Z');
    expect(await claim()).toHaveLength(1);
  });

  test('what would wait beyond its appointment is dropped', async () => {
    await book('2031-03-06T05:30:00Z');
    await book('2031-03-06T06:00:00Z');
    await book('2031-03-06T06:30:00Z');
    at('2031-03-05T18:30:00Z');
    await plan();
    expect(await outcome()).toEqual([
      ['SUPPRESSED', 'too-late'],
      ['SUPPRESSED', 'too-late'],
      ['QUEUED', null],
    ]);
  });

  test('are those of its own clock, over a change of it', async () => {
    await close();
    await open('Europe/Berlin');
    await book('2031-03-30T15:00:00Z');
    // The night before summer time begins: 21:00 is 20:00 UTC, the next 09:00 is 07:00 UTC.
    at('2031-03-29T20:00:00Z');
    await plan();
    expect(await sendAt()).toEqual(['2031-03-30T07:00:00.000Z']);
  });
});

describe('a patient', () => {
  test('is written to by the channel that the consent names, WhatsApp first, or not at all', async () => {
    const consents = [
      [{ sms: true, whatsapp: true }, 'WHATSAPP', null],
      [{ sms: true, whatsapp: false }, 'SMS', null],
      [{ whatsapp: true }, 'WHATSAPP', null],
      [{}, 'WHATSAPP', 'no-consent'],
      [{ sms: 'true' }, 'WHATSAPP', 'no-consent'],
      [{ email: true }, 'WHATSAPP', 'no-consent'],
    ] as const;
    for (const [position, [given]] of consents.entries()) {
      await agreeTo(given);
      await book(`2031-03-06T0${position + 1}:00:00Z`);
      await plan();
    }
    expect((await rows()).map((row) => [row.channel, row.status_reason])).toEqual(
      consents.map(([, channel, reason]) => [channel, reason]),
    );
  });

  test('who withdraws the consent before the reminder is due gets none', async () => {
    await book('2031-03-06T08:00:00Z');
    await plan();
    await agreeTo({ sms: false });
    expect(await claim()).toEqual([]);
    expect(await outcome()).toEqual([['SUPPRESSED', 'no-consent']]);
  });

  test('whose number opted out gets none by any channel, planned or not, until the clinic takes it away', async () => {
    await agreeTo({ sms: true, whatsapp: true });
    await book('2031-03-06T07:00:00Z');
    await plan();
    expect(await recordOptOut(ctx, '+966501234567', 'SMS')).toBe(true);
    expect(await recordOptOut(ctx, '+966501234567', 'WHATSAPP')).toBe(false);
    expect(await claim('WHATSAPP')).toEqual([]);
    await book('2031-03-06T08:00:00Z');
    await plan();
    expect(await outcome()).toEqual([
      ['SUPPRESSED', 'opted-out'],
      ['SUPPRESSED', 'opted-out'],
    ]);
    const audit = await owner`select entity_id from audit.entries where action = 'message.opt_out'`;
    expect(audit).toEqual([{ entity_id: clinic.patientId }]);

    await core`delete from appointment.messaging_opt_outs`;
    await book('2031-03-06T08:40:00Z');
    await plan();
    expect((await outcome()).at(-1)).toEqual(['QUEUED', null]);
  });

  test('without a number gets none', async () => {
    await core`update appointment.patients set phone_e164 = null`;
    await book('2031-03-06T08:00:00Z');
    await plan();
    expect(await outcome()).toEqual([['SUPPRESSED', 'no-phone']]);
  });
});

describe('a payment', () => {
  const issue = async (installments: readonly (readonly [string, number])[], dueOn = '2031-03-07') => {
    const total = installments.reduce((sum, [, amount]) => sum + amount, 0) || 10_000;
    const id = await draftInvoice(core, clinic, { totalMinor: total, currency: 'KWD', dueOn });
    const parts = JSON.stringify(installments.map(([due, amount], at) => ({ number: at + 1, due, amount })));
    await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
      select key, part.number, part.due, part.amount
      from billing.invoices, jsonb_to_recordset(${parts}::text::jsonb) as part(number smallint, due date, amount bigint)
      where id = ${id}`;
    await core`select billing.open_business_day(current_date)`;
    await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
    return id;
  };
  const pay = (invoiceId: string, amount: number) => core`insert into billing.payments
    (invoice_id, currency, amount_minor, method) values (${invoiceId}, 'KWD', ${amount}, 'CASH')`;

  test('is reminded of two days ahead, of what is left of it, and not once it is paid', async () => {
    const invoice = await issue([
      ['2031-03-07', 4_000],
      ['2031-03-08', 6_000],
    ]);
    await pay(invoice, 1_500);
    await plan();
    expect((await claim()).map(({ template, subject }) => [template, subject])).toEqual([
      ['payment_due', { kind: 'payment', dueOn: '2031-03-07', owedMinor: 2_500, currency: 'KWD', exponent: 3 }],
    ]);
    at('2031-03-06T09:00:00Z');
    expect(await plan()).toBe(1);
    await pay(invoice, 8_500);
    expect(await claim()).toEqual([]);
    expect((await outcome()).at(-1)).toEqual(['SUPPRESSED', 'no-longer-due']);
  });

  test('without a plan is one of the whole invoice', async () => {
    await issue([], '2031-03-05');
    expect(await plan()).toBe(1);
    expect((await claim()).map(({ subject }) => subject)).toEqual([
      { kind: 'payment', dueOn: '2031-03-05', owedMinor: 10_000, currency: 'KWD', exponent: 3 },
    ]);
  });
});

describe('a message', () => {
  test('is held by one worker at a time, and never longer than its lease', async () => {
    for (let hour = 10; hour < 22; hour += 1) await book(`2031-03-05T${hour}:00:00Z`);
    await plan();
    const claimed = (await Promise.all(Array.from({ length: 6 }, () => claim()))).flat();
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(claimed.length);
    expect(claimed).toHaveLength(12);
    await owner`update integration.messages set lease_expires_at = now() - interval '1 second'`;
    expect((await claim()).map(({ attempts, unclearAttempts }) => [attempts, unclearAttempts])).toEqual(
      Array.from({ length: 12 }, () => [2, 1]),
    );
    // Twice a worker died over it, perhaps after the provider had taken it: no third copy.
    await owner`update integration.messages set lease_expires_at = now() - interval '1 second'`;
    expect(await claim()).toEqual([]);
    expect(new Set((await outcome()).map(([, reason]) => reason))).toEqual(new Set(['no-answer']));
  });

  test('that nobody sent or confirmed ends, and each end is audited once', async () => {
    await book('2031-03-05T10:00:00Z');
    await book('2031-03-05T12:00:00Z');
    await plan();
    const [first] = await claim();
    await owner`update integration.messages set lease_token = null, lease_expires_at = null, attempts = 0
      where id <> ${first?.id ?? ''}`;
    await owner`update integration.messages set status = 'SENT', sent_at = ${NOON}, lease_token = null,
      lease_expires_at = null where id = ${first?.id ?? ''}`;
    at('2031-03-05T12:00:00Z');
    expect(await endOldMessages(ctx)).toBe(1);
    at('2031-03-08T08:59:59Z');
    expect(await endOldMessages(ctx)).toBe(0);
    at('2031-03-08T09:00:00Z');
    expect(await endOldMessages(ctx)).toBe(1);
    expect(await outcome()).toEqual([
      ['FAILED', 'no-receipt'],
      ['SUPPRESSED', 'too-late'],
    ]);
    const audit =
      await owner`select result, error_message from audit.entries where action = 'message.finish' order by key`;
    expect(audit).toEqual([
      { result: 'REJECTED', error_message: 'too-late' },
      { result: 'FAILED', error_message: 'no-receipt' },
    ]);
  });

  test('holds the last two digits of a number, and its row no more of it', async () => {
    await book('2031-03-06T08:00:00Z');
    await plan();
    await claim();
    const [row] = await owner<{ text: string; masked: string }[]>`
      select m::text as text, recipient_masked as masked from integration.messages m`;
    expect(row?.masked).toBe('••••••67');
    expect(row?.text).not.toContain('501234');
    expect(row?.text).not.toContain('Noura');
  });
});

describe('of a provider managers hear', () => {
  const told = async () =>
    (await owner`select kind from integration.alerts where entity = 'message_provider' order by raised_at, key`).map(
      (row) => String(row.kind),
    );
  const heard = (kind: string, hoursAgo: number) => owner`insert into integration.alerts
      (kind, entity, entity_id, detail, window_seconds, window_number, raised_at)
    values (${kind}, 'message_provider', 'twilio', 'earlier', 3600, -${hoursAgo}::bigint, now() - ${hoursAgo} * interval '1 hour')`;
  const together = (times: number, work: () => Promise<unknown>) => Promise.all(Array.from({ length: times }, work));

  test('once that it fails and once that it is over, however many say so at once', async () => {
    await together(4, () => raiseProviderRecovered(ctx, 'twilio', 'SMS'));
    expect(await told()).toEqual([]);
    await together(4, () => raiseProviderFailing(ctx, 'twilio'));
    await together(4, () => raiseProviderRecovered(ctx, 'twilio', 'SMS'));
    await together(4, () => raiseProviderRecovered(ctx, 'twilio', 'SMS'));
    expect(await told()).toEqual(['provider.failing', 'provider.recovered']);
  });

  test('once a day of one that goes on failing, and again of one that fails anew', async () => {
    await heard('provider.failing', 3);
    await raiseProviderFailing(ctx, 'twilio');
    expect(await told()).toEqual(['provider.failing']);
    await heard('provider.recovered', 2);
    await together(4, () => raiseProviderFailing(ctx, 'twilio'));
    expect(await told()).toEqual(['provider.failing', 'provider.recovered', 'provider.failing']);
  });

  test('nothing of a recovery while a message of its channel waits to be tried again', async () => {
    await book('2031-03-06T08:00:00Z');
    await plan();
    await claim();
    await raiseProviderFailing(ctx, 'twilio');
    expect(await raiseProviderRecovered(ctx, 'twilio', 'SMS')).toBe(false);
    expect(await raiseProviderRecovered(ctx, 'twilio', 'WHATSAPP')).toBe(true);
    expect(await told()).toEqual(['provider.failing', 'provider.recovered']);
  });
});

test('of thousands of invoices and appointments that are not near, planning and claiming read none', async () => {
  await core`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    select ${clinic.patientId}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, ${NOON}::timestamptz + n * interval '1 day',
      ${NOON}::timestamptz + n * interval '1 day' + interval '30 minutes' from generate_series(10, 3010) as n`;
  await core`insert into billing.invoices (patient_id, currency, total_minor, due_on)
    select ${clinic.patientId}, 'SAR', 10000, date '2031-04-01' + n from generate_series(1, 3000) as n`;
  await core`update billing.invoices set status = 'ISSUED'`;
  await draftInvoice(core, clinic, { dueOn: '2031-03-06' });
  await core`update billing.invoices set status = 'ISSUED' where due_on = '2031-03-06'`;
  await book('2031-03-06T08:00:00Z');
  await owner`analyze appointment.appointments, billing.invoices`;
  const reads = await owner.begin(async (tx) => {
    const [row] = await tx`select integration.plan_messages(${NOON}::timestamptz, array['SMS'], 500) as planned`;
    expect(row?.planned).toBe(2);
    await tx`select integration.claim_messages(${NOON}::timestamptz, array['SMS'], 50, 30)`;
    return tx`select schemaname || '.' || relname as name from pg_stat_xact_user_tables
      where seq_tup_read >= 1000 or idx_tup_fetch >= 1000`;
  });
  expect(reads.map(({ name }) => name)).toEqual([]);
});
