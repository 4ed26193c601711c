import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClinicRows, draftInvoice, issueInvoice, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { signal } from '../support/signal.ts';

let database: TestDatabase;
let core: Sql;
let billing: Sql;
let clinic: ClinicRows;

beforeAll(async () => {
  database = await createDatabase();
  core = database.as('core_app', 20);
  billing = database.as('bridgework_billing', 20);
  clinic = await writeClinicRows(core);
});
afterAll(() => database.drop());

const paymentsOf = async (invoiceId: string) => {
  const [row] = await core<{ count: number; sum: string; status: string; paid: string; events: number }[]>`
    select count(p.key)::integer as count, coalesce(sum(p.amount_minor), 0) as sum, i.status, i.paid_minor as paid
    from billing.invoices i left join billing.payments p on p.invoice_id = i.id where i.id = ${invoiceId}
    group by i.key`;
  return { count: row?.count, sum: Number(row?.sum), paid: Number(row?.paid), status: row?.status };
};

let transaction = 0;
const confirm = (invoiceId: string, amountMinor: number, capturedAt = new Date()) => {
  transaction += 1;
  return core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at, integration_id,
      terminal_id, terminal_txn_id)
    values (${invoiceId}, 'SAR', ${amountMinor}, 'CARD', ${capturedAt}, 'int_x', 'T1', ${`txn-${transaction}`})`;
};

const codes = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
  new Set(outcomes.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { code: string }).code] : [])));

describe('payments', () => {
  test('never exceed the total, however many writers race', async () => {
    const invoiceId = await issueInvoice(core, clinic, { totalMinor: 10_000 });
    const outcomes = await Promise.allSettled(Array.from({ length: 16 }, () => confirm(invoiceId, 3_000)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(codes(outcomes)).toEqual(new Set(['23514']));
    expect(await paymentsOf(invoiceId)).toEqual({ count: 3, sum: 9_000, paid: 9_000, status: 'PARTIALLY_PAID' });
  });

  test('of the core and of terminals race on one invoice without a deadlock', async () => {
    const invoiceId = await issueInvoice(core, clinic, { totalMinor: 8_000 });
    const byCore = () => core`insert into billing.payments (invoice_id, currency, amount_minor, method)
      values (${invoiceId}, 'SAR', 1000, 'CASH')`;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? byCore() : confirm(invoiceId, 1_000))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(8);
    // The ninth meets an invoice that is PAID: its CHECK refuses it.
    expect(codes(outcomes)).toEqual(new Set(['23514']));
    expect(await paymentsOf(invoiceId)).toEqual({ count: 8, sum: 8_000, paid: 8_000, status: 'PAID' });
  });

  test('come in the currency of their invoice', async () => {
    const invoiceId = await issueInvoice(core, clinic, { currency: 'KWD' });
    await expect(confirm(invoiceId, 10)).rejects.toMatchObject({ code: '23503' });
    expect((await paymentsOf(invoiceId)).count).toBe(0);
  });

  test.each(['DRAFT', 'VOID'])('cannot go to an invoice that is %s', async (status) => {
    const invoiceId = await draftInvoice(core, clinic);
    if (status === 'VOID') {
      await core`update billing.invoices set status = 'ISSUED' where id = ${invoiceId}`;
      await core`update billing.invoices set status = 'VOID' where id = ${invoiceId}`;
    }
    await expect(confirm(invoiceId, 10)).rejects.toMatchObject({ code: '23514' });
  });

  test('of one terminal transaction exist once, for ever', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    await confirm(invoiceId, 10);
    transaction -= 1;
    await expect(confirm(invoiceId, 10)).rejects.toMatchObject({ code: '23505' });
  });
});

describe('business days', () => {
  const day = '2026-03-10';
  const noon = new Date('2026-03-10T09:00:00Z');

  test('a closed day takes nothing more: what was captured on it goes to the next open day, as late', async () => {
    const invoiceId = await issueInvoice(core, clinic);
    await confirm(invoiceId, 100, noon);
    await billing`select billing.close_business_day(${day}, 'user m')`;
    await billing`select billing.close_business_day('2026-03-11', 'user m')`;
    await confirm(invoiceId, 100, noon);
    const rows = await core`select business_date::text, late_posted from billing.payments
      where invoice_id = ${invoiceId} order by key`;
    expect([...rows]).toEqual([
      { business_date: '2026-03-10', late_posted: false },
      { business_date: '2026-03-12', late_posted: true },
    ]);
    await expect(
      core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at, business_date)
        values (${invoiceId}, 'SAR', 1, 'CASH', ${noon}, ${day})`,
    ).rejects.toMatchObject({ code: 'BW004' });
    await expect(
      core`insert into billing.expenses (business_date, currency, amount_minor, category, description)
        values (${day}, 'SAR', 100, 'rent', 'late')`,
    ).rejects.toMatchObject({ code: 'BW004' });
  });

  test('closing waits for payments under way, and payments that wait for it move to the next day', async () => {
    const paidFirst = await issueInvoice(core, clinic);
    const paidLater = await issueInvoice(core, clinic);
    const capturedAt = new Date('2026-04-01T09:00:00Z');
    const inserted = signal();
    const released = signal();
    const first = core.begin(async (tx) => {
      await tx`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
        values (${paidFirst}, 'SAR', 1, 'CASH', ${capturedAt})`;
      inserted.give();
      await released.given;
    });
    await inserted.given;
    const closing = core`select billing.close_business_day('2026-04-01', 'user m') as closed`;
    const closed = closing.execute();
    released.give();
    await first;
    expect((await closed)[0]).toEqual({ closed: true });
    await core`insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
      values (${paidLater}, 'SAR', 1, 'CASH', ${capturedAt})`;
    const rows = await core`select business_date::text from billing.payments
      where invoice_id in ${core([paidFirst, paidLater])} order by key`;
    expect(rows.map(({ business_date }) => business_date)).toEqual(['2026-04-01', '2026-04-02']);
  });

  test('payments racing a close are never on the closed day after it', async () => {
    const invoiceId = await issueInvoice(core, clinic, { totalMinor: 100_000 });
    const capturedAt = new Date('2026-05-05T09:00:00Z');
    const pay = () => confirm(invoiceId, 10, capturedAt);
    const booked = "select count(*)::integer as count from billing.payments where business_date = '2026-05-05'";
    // What the closer counts, once it has the day, is what an export would hold for ever.
    const close = () =>
      core.begin(async (tx) => {
        await tx`select billing.close_business_day('2026-05-05', 'user m')`;
        return tx.unsafe(booked);
      });
    const [counted] = await Promise.all([close(), ...Array.from({ length: 16 }, pay)]);
    expect([...(await core.unsafe(booked))]).toEqual([...counted]);
    expect((await paymentsOf(invoiceId)).count).toBe(16);
  });

  test('a month closes when it is over and its days are closed, its silent days with it', async () => {
    await core`select billing.lock_business_day('2025-11-03')`;
    await expect(core`select billing.close_month('2025-11-01', 'user m')`).rejects.toMatchObject({ code: 'BW004' });
    await core`select billing.close_business_day('2025-11-03', 'user m')`;
    expect((await core`select billing.close_month('2025-11-01', 'user m') as closed`)[0]).toEqual({ closed: true });
    expect((await core`select billing.close_month('2025-11-01', 'user m') as closed`)[0]).toEqual({ closed: false });
    const [row] = await core`select count(*)::integer as days from billing.business_days
      where business_date between '2025-11-01' and '2025-11-30' and status = 'CLOSED'`;
    expect(row).toEqual({ days: 30 });
  });
});

describe('a business date is the clinic’s', () => {
  test.each([
    ['Asia/Riyadh', '2026-03-30T20:59:59Z', '2026-03-30'],
    ['Asia/Riyadh', '2026-03-30T21:00:00Z', '2026-03-31'],
    // Cairo's clocks go forward at midnight on 24 April 2026: the day begins at 22:00Z before, at 21:00Z after.
    ['Africa/Cairo', '2026-04-23T21:59:59Z', '2026-04-23'],
    ['Africa/Cairo', '2026-04-23T22:00:00Z', '2026-04-24'],
    ['Africa/Cairo', '2026-04-24T21:00:00Z', '2026-04-25'],
    ['Asia/Baghdad', '2026-04-24T21:00:00Z', '2026-04-25'],
  ])('%s at %s is %s', async (zone, instant, date) => {
    const answer = await core
      .begin(async (tx) => {
        await tx`update appointment.clinic_settings set time_zone = ${zone}`;
        const [row] = await tx`select base.local_date(${instant}::timestamptz)::text as date`;
        expect(row).toEqual({ date });
        throw new Error('undo');
      })
      .catch((error: Error) => error.message);
    expect(answer).toBe('undo');
  });
});

describe('an invoice', () => {
  test('goes the ways of its states and no other', async () => {
    const draft = await draftInvoice(core, clinic);
    const step = (id: string, status: string) => core`update billing.invoices set status = ${status} where id = ${id}`;
    for (const status of ['PAID', 'PARTIALLY_PAID', 'VOID']) {
      await expect(step(draft, status), status).rejects.toMatchObject({ code: /BW002/ });
    }
    await step(draft, 'ISSUED');
    await expect(step(draft, 'DRAFT')).rejects.toMatchObject({ code: 'BW002' });
    await expect(step(draft, 'PAID')).rejects.toMatchObject({ code: 'BW002' });
    await confirm(draft, 10);
    await expect(step(draft, 'VOID')).rejects.toMatchObject({ code: 'BW002' });
    await expect(core`update billing.invoices set total_minor = 1 where id = ${draft}`).rejects.toMatchObject({
      code: 'BW002',
    });
  });

  test('has a plan that adds up when the transaction ends, fixed once it is issued', async () => {
    const id = await draftInvoice(core, clinic, { totalMinor: 100_000 });
    const plan = (amounts: readonly number[]) =>
      core.begin(async (tx) => {
        for (const [index, amount] of amounts.entries()) {
          await tx`insert into billing.installments (invoice_key, number, due_on, amount_minor)
            select key, ${index + 1}, '2030-01-01', ${amount} from billing.invoices where id = ${id}`;
        }
      });
    await expect(plan([33_333, 33_333, 33_333])).rejects.toMatchObject({ code: 'BW005' });
    await plan([33_334, 33_333, 33_333]);
    await core`update billing.invoices set status = 'ISSUED' where id = ${id}`;
    await expect(core`update billing.installments set due_on = '2031-01-01'
      where invoice_key = (select key from billing.invoices where id = ${id})`).rejects.toMatchObject({
      code: 'BW002',
    });
  });

  test('is split by largest remainder, the first ones larger', async () => {
    const rows = await core`select * from billing.split_amount(100000, 3) as amount`;
    expect(rows.map(({ amount }) => Number(amount))).toEqual([33_334, 33_333, 33_333]);
    const yen = await core`select * from billing.split_amount(2, 3) as amount`;
    expect(yen.map(({ amount }) => Number(amount))).toEqual([1, 1, 0]);
  });
});

test('stock is never negative, however many take from it at once', async () => {
  const [item] = await core<{ key: string }[]>`insert into inventory.items (sku, name) values ('A', 'A') returning key`;
  const key = item?.key ?? '';
  await core`insert into inventory.stock_movements (item_key, quantity, reason) values (${key}, 10, 'OPENING')`;
  const outcomes = await Promise.allSettled(
    Array.from(
      { length: 12 },
      () => core`insert into inventory.visit_materials (visit_id, item_key, quantity)
      values ('vis_x', ${key}, 3)`,
    ),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  const [row] = await core`select on_hand, (select sum(quantity)::integer from inventory.stock_movements
    where item_key = items.key) as moved from inventory.items where key = ${key}`;
  expect(row).toEqual({ on_hand: 1, moved: 1 });
});
