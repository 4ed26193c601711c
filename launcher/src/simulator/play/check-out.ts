import type { TransactionSql } from 'postgres';
import { only } from '../only.ts';
import { type ClinicDay, wantsTo } from './play.ts';
import type { Treatment } from './visit.ts';

interface Invoice {
  readonly id: string;
  readonly key: string;
}

interface Plan {
  readonly parts: number;
  /** Whether the patient pays the first part, or the whole, before leaving. */
  readonly pays: 'all' | 'half' | 'nothing';
  readonly method: 'CARD' | 'CASH';
}

/** The patient leaves: an invoice, at once or in installments, and for most of them a payment. */
export async function checkOut(day: ClinicDay, treatment: Treatment, at: Date): Promise<void> {
  const plan = choosePlan(day);
  await day.sql.begin(async (tx) => {
    const invoice = await issueInvoice(tx, day, treatment, plan.parts, at);
    if (plan.pays !== 'nothing') await pay(tx, invoice, plan, at);
  });
  day.tally.invoiced += 1;
  if (plan.parts > 1) day.tally.inInstallments += 1;
  if (plan.pays !== 'nothing') day.tally.paid += 1;
}

function choosePlan(day: ClinicDay): Plan {
  const { chance } = day;
  const method = chance.pick(['CARD', 'CARD', 'CASH'] as const);
  const isLate = wantsTo(day, 'unpaid plan', 0.04);
  const parts = isLate || chance.happens(0.2) ? chance.between(3, 5) : 1;
  const draw = chance.between(1, 100);
  if (isLate) return { parts, pays: 'nothing', method };
  if (parts > 1) return { parts, pays: 'all', method };
  return { parts, pays: draw <= 70 ? 'all' : draw <= 84 ? 'half' : 'nothing', method };
}

const DAYS_BETWEEN_PARTS = 30;

async function issueInvoice(
  tx: TransactionSql,
  { currency }: ClinicDay,
  { patientId, visitId, lines }: Treatment,
  parts: number,
  at: Date,
): Promise<Invoice> {
  const total = lines.reduce((sum, { units }) => sum + units * currency.minorPerUnit, 0);
  const invoice = only(
    await tx<Invoice[]>`
      insert into billing.invoices (patient_id, visit_id, currency, total_minor, due_on)
      values (${patientId}, ${visitId}, ${currency.code}, ${total},
        base.local_date(${at}) + ${parts === 1 ? 30 : DAYS_BETWEEN_PARTS * (parts - 1)}::integer)
      returning id, key`,
    'The invoice could not be written.',
  );
  for (const [index, { description, units }] of lines.entries()) {
    await tx`insert into billing.invoice_lines (invoice_key, position, description, amount_minor)
      values (${invoice.key}, ${index + 1}, ${description}, ${units * currency.minorPerUnit})`;
  }
  if (parts > 1) {
    // The clinic's one splitting by largest remainder.
    await tx`insert into billing.installments (invoice_key, number, due_on, amount_minor)
      select ${invoice.key}, part.number, base.local_date(${at}) + (${DAYS_BETWEEN_PARTS} * (part.number - 1))::integer,
        part.amount
      from billing.split_amount(${total}, ${parts}) with ordinality as part (amount, number)`;
  }
  // On the day itself, or on the next open one when somebody has closed it already.
  await tx`update billing.invoices set status = 'ISSUED',
      issued_on = (select business_date from billing.open_business_day(${at}))
    where key = ${invoice.key}`;
  return invoice;
}

async function pay(tx: TransactionSql, { key }: Invoice, { pays, method }: Plan, at: Date): Promise<void> {
  await tx`
    insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
    select i.id, i.currency, case when ${pays} = 'half' then (i.total_minor + 1) / 2
        else coalesce((select amount_minor from billing.installments p where p.invoice_key = i.key and p.number = 1),
          i.total_minor) end,
      ${method}, ${at}
    from billing.invoices i where i.key = ${key}`;
}

/** Somebody comes by and pays an open invoice of an earlier day, all of it or a part. Who left today without paying is late. */
export async function collectDebt({ sql, chance, tally, date }: ClinicDay, at: Date): Promise<void> {
  const draw = chance.between(0, 9_999);
  const isPart = chance.happens(0.4);
  const method = chance.pick(['CARD', 'CASH'] as const);
  const { count } = await sql.begin(async (tx) => {
    const [invoice] = await tx<{ id: string }[]>`
      with earlier as (
        select id, key from billing.invoices where status in ('ISSUED', 'PARTIALLY_PAID') and issued_on < ${date})
      select id from earlier order by key limit 1
      offset ${draw}::bigint % greatest((select count(*) from earlier), 1)`;
    if (invoice === undefined) return { count: 0 };
    await tx`select billing.lock_invoice(${invoice.id})`;
    // Read again under the lock: somebody may have paid in the meantime.
    return tx`
      insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
      select id, currency, case when ${isPart} then (total_minor - paid_minor + 1) / 2 else total_minor - paid_minor end,
        ${method}, ${at}
      from billing.invoices where id = ${invoice.id} and status in ('ISSUED', 'PARTIALLY_PAID')`;
  });
  tally.paid += count;
}
