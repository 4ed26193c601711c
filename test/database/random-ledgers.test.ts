import type { TransactionSql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { issueOn, payAt } from '../support/ledger.ts';
import { type Random, randomFrom } from '../support/random.ts';

/**
 * Ledgers by chance: three currencies, plans, partial payments, voids, expenses, late postings, clock changes. Each export is
 * compared with figures that are computed another way, in plain SQL, and again after more has arrived.
 */
const LEDGERS = Number(process.env.LEDGERS ?? 1_000);
/** In the suite; `LEDGERS=1000` given runs all of them, however long it takes. */
const BUDGET_MS = process.env.LEDGERS === undefined ? 15_000 : Number.POSITIVE_INFINITY;

const CURRENCIES = ['SAR', 'KWD', 'JPY'] as const;
const METHODS = ['CASH', 'CARD', 'TRANSFER'] as const;
/** Berlin's clocks change on 2026-03-29, Cairo's on 2026-04-24, New York's on 2026-03-08. */
const ZONES = ['Asia/Riyadh', 'Europe/Berlin', 'Africa/Cairo', 'America/New_York'];
const FIRST = Date.parse('2026-02-20T00:00:00Z');
const DAY_MS = 86_400_000;
const dayAt = (offset: number) => new Date(FIRST + offset * DAY_MS).toISOString().slice(0, 10);

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

class Undone extends Error {}

test('random ledgers: every export equals the figures computed another way, and stays what it was whatever arrives later', {
  timeout: 600_000,
}, async () => {
  const owner = database.as('owner', 1);
  const clinic = await writeClinicRows(database.as('core_app', 1));
  const startedAt = Date.now();
  let played = 0;
  for (; played < LEDGERS && Date.now() - startedAt < BUDGET_MS; played += 1) {
    const random = randomFrom(7_000 + played);
    await owner
      .begin(async (tx) => {
        await play(tx, clinic, random);
        throw new Undone();
      })
      .catch((error: unknown) => {
        if (!(error instanceof Undone))
          throw error instanceof Error ? new Error(`ledger ${played}: ${error.message}`, { cause: error }) : error;
      });
  }
  expect(played).toBeGreaterThan(20);
});

async function play(tx: TransactionSql, clinic: Awaited<ReturnType<typeof writeClinicRows>>, random: Random) {
  await tx`update appointment.clinic_settings set time_zone = ${random.pick(ZONES)}`;
  const invoices = [];
  for (let at = random.int(2, 6); at > 0; at -= 1) invoices.push(await issue(tx, clinic, random));
  await spend(tx, random, random.int(0, 4));
  await collect(tx, invoices, random, random.int(0, 8));
  // A day closed on its own makes what is captured for it late.
  await tx`select billing.close_business_day(${dayAt(random.int(1, 45))}::date, 'user test')`;
  await collect(tx, invoices, random, random.int(0, 6));
  for (const { id } of invoices) if (random.int(1, 8) === 1) await withdraw(tx, id);
  // Everything up to the last day of March.
  await tx`select count(billing.close_business_day(day::date, 'user test'))
    from generate_series((select min(business_date) from billing.business_days), '2026-03-31', interval '1 day') as day`;
  await tx`select billing.close_month('2026-03-01', 'user test')`;
  const day = dayAt(random.int(9, 39));
  const asOf = dayAt(39);
  const before = await figures(tx, day, asOf);
  expect(before.kept).toEqual(before.again);
  await tx`select billing.record_export('DEFERRED_RECEIVABLES_AGING', ${asOf}::date, '{}', '{}', 'x', null, null)`;
  await collect(tx, invoices, random, random.int(1, 6));
  await spend(tx, random, 1);
  const after = await figures(tx, day, asOf);
  expect(after.kept).toEqual(before.kept);
  expect(after.again).toEqual(before.kept);
}

interface Issued {
  readonly id: string;
  readonly currency: string;
  left: number;
}

async function issue(
  tx: TransactionSql,
  clinic: Awaited<ReturnType<typeof writeClinicRows>>,
  random: Random,
): Promise<Issued> {
  const currency = random.pick(CURRENCIES);
  const totalMinor = random.int(3, 500_000);
  const parts = random.int(0, 4);
  const amounts = await tx<
    { part: string }[]
  >`select part from billing.split_amount(${totalMinor}, ${Math.max(parts, 1)}) as part`;
  const planned = amounts.map(({ part }) => ({ dueOn: dayAt(random.int(-120, 80)), amountMinor: Number(part) }));
  const usable = parts > 1 && planned.every(({ amountMinor }) => amountMinor > 0);
  const id = await issueOn(tx, clinic, {
    currency,
    totalMinor,
    issuedOn: dayAt(random.int(0, 38)),
    dueOn: dayAt(random.int(-120, 60)),
    ...(usable ? { installments: planned.toSorted((a, b) => a.dueOn.localeCompare(b.dueOn)) } : {}),
  });
  return { id, currency, left: totalMinor };
}

async function collect(tx: TransactionSql, invoices: Issued[], random: Random, times: number) {
  for (let at = 0; at < times; at += 1) {
    const invoice = random.pick(invoices);
    const [row] = await tx<{ status: string }[]>`select status from billing.invoices where id = ${invoice.id}`;
    if (row?.status === 'VOID' || invoice.left === 0) continue;
    const amountMinor = random.int(1, 3) === 1 ? invoice.left : random.int(1, invoice.left);
    invoice.left -= amountMinor;
    const capturedAt = new Date(FIRST + random.int(0, 47 * 24 * 60) * 60_000).toISOString();
    await payAt(tx, {
      invoiceId: invoice.id,
      currency: invoice.currency,
      amountMinor,
      method: random.pick(METHODS),
      capturedAt,
    });
  }
}

async function spend(tx: TransactionSql, random: Random, times: number) {
  for (let at = 0; at < times; at += 1) {
    await tx`insert into billing.expenses (business_date, currency, amount_minor, category, description)
      select business_date, ${random.pick(CURRENCIES)}, ${random.int(1, 90_000)}, 'rent', 'by chance'
      from billing.business_days where status = 'OPEN' order by md5(business_date::text || ${random.int(1, 1_000)}::text) limit 1`;
  }
}

/** Of what nothing was paid; on the first open day. */
const withdraw = (tx: TransactionSql, id: string) => tx`update billing.invoices set status = 'VOID',
  voided_on = (select min(business_date) from billing.business_days where status = 'OPEN')
  where id = ${id} and status = 'ISSUED' and exists (select 1 from billing.business_days where status = 'OPEN')`;

async function figures(tx: TransactionSql, day: string, asOf: string) {
  const [kept] = await tx<{ daily: unknown; monthly: unknown; aging: unknown }[]>`
    select billing.compute_export('DAILY_COLLECTED_REVENUE', ${day}) as daily,
      billing.compute_export('MONTHLY_PROFIT_SUMMARY', '2026-03-01') as monthly,
      billing.compute_export('DEFERRED_RECEIVABLES_AGING', ${asOf}) as aging`;
  return { kept: { ...kept }, again: await computedAnotherWay(tx, day, asOf) };
}

/**
 * The same figures without the product's functions: the aging as differences of what was due by each threshold and not
 * paid, the month as one sum per currency and source.
 */
async function computedAnotherWay(tx: TransactionSql, day: string, asOf: string) {
  const daily = await tx`select p.currency, c.exponent::int, p.method, count(*)::int as payment_count,
      sum(p.amount_minor)::float8 as amount_minor
    from billing.payments p, billing.currencies c where c.code = p.currency and p.business_date = ${day}
    group by 1, 2, 3 order by 1, 3`;
  const late = await tx`select p.currency, c.exponent::int, count(*)::int as payment_count,
      sum(p.amount_minor)::float8 as amount_minor
    from billing.payments p, billing.currencies c where c.code = p.currency and p.business_date = ${day} and p.late_posted
    group by 1, 2 order by 1`;
  const monthly =
    await tx`select c.code as currency, c.exponent::int, coalesce(collected, 0)::float8 as collected_minor,
      coalesce(spent, 0)::float8 as expenses_minor, (coalesce(collected, 0) - coalesce(spent, 0))::float8 as profit_minor
    from billing.currencies c
      left join (select currency, sum(amount_minor) as collected from billing.payments
        where to_char(business_date, 'YYYY-MM') = '2026-03' group by 1) p on p.currency = c.code
      left join (select currency, sum(amount_minor) as spent from billing.expenses
        where to_char(business_date, 'YYYY-MM') = '2026-03' group by 1) e on e.currency = c.code
    where collected is not null or spent is not null order by 1`;
  const aging = await tx`
    with thresholds(place, due_by) as (values (0, ${asOf}::date - 91), (1, ${asOf}::date - 61), (2, ${asOf}::date - 31),
      (3, ${asOf}::date), (4, 'infinity'::date)),
    steps as (
      select i.id, i.currency, s.due_on, s.amount_minor from billing.invoices i,
        lateral (select due_on, amount_minor from billing.installments where invoice_key = i.key
          union all select i.due_on, i.total_minor where not exists (select 1 from billing.installments where invoice_key = i.key)) s
      where i.status <> 'DRAFT' and i.issued_on <= ${asOf} and not coalesce(i.voided_on <= ${asOf}, false)
    ),
    open as (
      select s.id, s.currency, t.place, greatest(0, coalesce(sum(s.amount_minor) filter (where s.due_on <= t.due_by), 0)
        - (select coalesce(sum(amount_minor), 0) from billing.payments p where p.invoice_id = s.id and p.business_date <= ${asOf})) as owed
      from steps s cross join thresholds t group by s.id, s.currency, t.place
    ),
    summed as (select currency, place, sum(owed) as owed, count(*) filter (where owed > 0) as invoices from open group by 1, 2),
    wide as (select currency, max(owed) filter (where place = 0) as o0, max(owed) filter (where place = 1) as o1,
        max(owed) filter (where place = 2) as o2, max(owed) filter (where place = 3) as o3,
        max(owed) filter (where place = 4) as o4, max(invoices) filter (where place = 4) as invoices
      from summed group by currency)
    select w.currency, c.exponent::int, invoices::int as invoice_count, (o4 - o3)::float8 as not_yet_due_minor,
      (o3 - o2)::float8 as days_0_30_minor, (o2 - o1)::float8 as days_31_60_minor, (o1 - o0)::float8 as days_61_90_minor,
      o0::float8 as days_over_90_minor, o4::float8 as total_minor
    from wide w join billing.currencies c on c.code = w.currency where o4 > 0 order by 1`;
  return {
    daily: { rows: [...daily], late: [...late] },
    monthly: { rows: [...monthly] },
    aging: { rows: [...aging] },
  };
}
