import type { TransactionSql } from 'postgres';
import { only } from './only.ts';

interface Invoice {
  readonly id: string;
  readonly key: string;
}

const EXAMINATION_MINOR = 45_000;

/** Writes and issues an invoice for a random patient: 450 riyals, due in a month. */
export async function issueInvoice(tx: TransactionSql): Promise<string> {
  const invoice = await draftInvoice(tx);
  await issue(tx, invoice);
  return invoice.id;
}

/** A patient pays what is still owed on the oldest open invoice, in cash. */
export async function collectPayment(tx: TransactionSql): Promise<string> {
  const [open] = await tx<Invoice[]>`
    select id, key from billing.invoices where status in ('ISSUED', 'PARTIALLY_PAID') and paid_minor < total_minor
    order by key limit 1 for update skip locked`;
  const invoiceId = open?.id ?? (await issueInvoice(tx));
  const rows = await tx<{ id: string }[]>`
    insert into billing.payments (invoice_id, currency, amount_minor, method)
    select id, currency, total_minor - paid_minor, 'CASH' from billing.invoices where id = ${invoiceId}
    returning id`;
  return only(rows, 'There was nothing to pay.').id;
}

/** An invoice in three parts whose first was due yesterday, found by the daily look at installments, which is not waited for. */
export async function letInstallmentFallDue(tx: TransactionSql): Promise<string> {
  const invoice = await draftInvoice(tx);
  await tx`insert into billing.installments (invoice_key, number, due_on, amount_minor)
    select ${invoice.key}, part, base.local_date(now()) - 1 + 30 * (part - 1), ${EXAMINATION_MINOR / 3}
    from generate_series(1, 3) part`;
  await issue(tx, invoice);
  await tx`select billing.mark_overdue_installments(10000)`;
  const rows = await tx<{ id: string }[]>`
    select m.installment_id as id from billing.overdue_marks m join billing.installments s on s.key = m.installment_key
    where s.invoice_key = ${invoice.key}`;
  return only(rows, 'The installment could not be marked.').id;
}

async function draftInvoice(tx: TransactionSql): Promise<Invoice> {
  const invoice = only(
    await tx<Invoice[]>`
      insert into billing.invoices (patient_id, currency, total_minor, due_on)
      select id, 'SAR', ${EXAMINATION_MINOR}, base.local_date(now()) + 60
      from appointment.patients order by random() limit 1 returning id, key`,
    'The clinic has no patients.',
  );
  await tx`insert into billing.invoice_lines (invoice_key, position, description, amount_minor)
    values (${invoice.key}, 1, 'Comprehensive examination', ${EXAMINATION_MINOR})`;
  return invoice;
}

const issue = (tx: TransactionSql, { key }: Invoice) =>
  tx`update billing.invoices set status = 'ISSUED', issued_on = base.local_date(now()) where key = ${key}`;
