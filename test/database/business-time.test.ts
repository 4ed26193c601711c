import { formatMinor } from '@bridgework/kernel/money';
import type { Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClinicRows, draftInvoice, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let core: Sql;

beforeEach(async () => {
  database = await createDatabase();
  core = database.as('core_app');
});
afterEach(() => database.drop());

/** Pays at an instant; the business date as the ledger and as the event have it. */
async function payAt(clinic: ClinicRows, instant: string): Promise<readonly [string, unknown]> {
  const invoiceId = await issueInvoice(core, clinic);
  const [payment] = await core<{ id: string; date: string }[]>`
    insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
    values (${invoiceId}, 'SAR', 100, 'CASH', ${instant}) returning id, business_date::text as date`;
  const [event] = await database.as('owner', 1)<{ data: { business_date: string } }[]>`
    select data from outbox.events where entity_id = ${payment?.id ?? ''}`;
  return [payment?.date ?? '', event?.data.business_date];
}

describe('a payment belongs to the clinic’s day', () => {
  test.each([
    ['Asia/Riyadh', '2026-03-30T20:59:59.999Z', '2026-03-30'],
    ['Asia/Riyadh', '2026-03-30T21:00:00.000Z', '2026-03-31'],
    // Cairo's clocks go from 00:00 to 01:00 on 24 April 2026: that day begins at 22:00Z and has 23 hours.
    ['Africa/Cairo', '2026-04-23T21:59:59.999Z', '2026-04-23'],
    ['Africa/Cairo', '2026-04-23T22:00:00.000Z', '2026-04-24'],
    ['Africa/Cairo', '2026-04-24T20:59:59.999Z', '2026-04-24'],
    ['Africa/Cairo', '2026-04-24T21:00:00.000Z', '2026-04-25'],
    ['Asia/Baghdad', '2026-04-24T20:59:59.999Z', '2026-04-24'],
    ['Asia/Baghdad', '2026-04-24T21:00:00.000Z', '2026-04-25'],
  ])('%s at %s: %s', async (zone, instant, date) => {
    const clinic = await writeClinicRows(core, zone);
    expect(await payAt(clinic, instant)).toEqual([date, date]);
  });

  test('whatever time zone the session that writes is in', async () => {
    const clinic = await writeClinicRows(core, 'Africa/Cairo');
    await database.as('owner', 1).unsafe(`alter database ${database.name} set timezone = 'Pacific/Auckland'`);
    core = database.as('core_app');
    expect(await payAt(clinic, '2026-04-23T21:59:59.999Z')).toEqual(['2026-04-23', '2026-04-23']);
  });

  test('and goes to the next one when Cairo’s short day is closed', async () => {
    const clinic = await writeClinicRows(core, 'Africa/Cairo');
    await core`select billing.close_business_day('2026-04-24', 'user m')`;
    expect(await payAt(clinic, '2026-04-23T22:00:00.000Z')).toEqual(['2026-04-25', '2026-04-25']);
  });
});

describe('Iraqi dinars have three decimals', () => {
  const readable = async (amountMinor: number): Promise<string> => {
    const [row] = await core<{ exponent: number }[]>`select exponent from billing.currencies where code = 'IQD'`;
    return formatMinor(amountMinor, row?.exponent ?? -1);
  };

  test('by the clinic’s own table, whatever Intl thinks of them', async () => {
    expect(await readable(125_750)).toBe('125.750');
  });

  test('in a plan, its payments, what remains overdue, and its event', async () => {
    const clinic = await writeClinicRows(core, 'Asia/Baghdad');
    const id = await draftInvoice(core, clinic, { currency: 'IQD', totalMinor: 100_001 });
    await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
      select i.key, p.number, '2020-01-01'::date + p.number::integer, p.amount from billing.invoices i,
        (select row_number() over () as number, amount from billing.split_amount(100001, 3) as amount) p
      where i.id = ${id}`;
    await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
    const plan = await core<{ amount_minor: string }[]>`select amount_minor from billing.installments order by number`;
    const amounts = await Promise.all(plan.map(({ amount_minor }) => readable(Number(amount_minor))));
    expect(amounts).toEqual(['33.334', '33.334', '33.333']);
    await core`insert into billing.payments (invoice_id, currency, amount_minor, method) values (${id}, 'IQD', 33335, 'CASH')`;
    await core`select billing.mark_overdue_installments()`;
    const events = await database.as('owner', 1)<{ data: { remaining_minor: number; currency: string } }[]>`
      select data from outbox.events where type = 'installment.overdue' order by key`;
    expect(events.map(({ data }) => [data.remaining_minor, data.currency])).toEqual([
      [33_333, 'IQD'],
      [33_333, 'IQD'],
    ]);
    await expect(
      core`insert into billing.payments (invoice_id, currency, amount_minor, method) values (${id}, 'KWD', 1, 'CASH')`,
    ).rejects.toMatchObject({ code: '23503' });
  });
});
