import type { Sql, TransactionSql } from 'postgres';
import type { ClinicRows } from './clinic-rows.ts';

/** A connection or a transaction. */
type Runner = Sql | TransactionSql;

export interface InvoicePlan {
  readonly currency: string;
  readonly totalMinor: number;
  readonly issuedOn: string;
  readonly dueOn: string;
  readonly installments?: readonly { readonly dueOn: string; readonly amountMinor: number }[];
}

/** Writes and issues an invoice on a day of the past, as core_app. */
export async function issueOn(core: Runner, clinic: ClinicRows, plan: InvoicePlan): Promise<string> {
  const [row] = await core<{ id: string; key: string }[]>`
    insert into billing.invoices (patient_id, currency, total_minor, due_on)
    values (${clinic.patientId}, ${plan.currency}, ${plan.totalMinor}, ${plan.dueOn}) returning id, key`;
  if (row === undefined) throw new Error('no invoice was written');
  const steps = plan.installments ?? [];
  if (steps.length > 0) {
    // In one statement: a plan adds up to its invoice when the transaction ends.
    await core`insert into billing.installments (invoice_key, number, due_on, amount_minor)
      select ${row.key}, step.number, step.due_on, step.amount
      from unnest(${steps.map((_, at) => at + 1)}::int[], ${steps.map(({ dueOn }) => dueOn)}::date[],
        ${steps.map(({ amountMinor }) => amountMinor)}::bigint[]) as step(number, due_on, amount)`;
  }
  await core`update billing.invoices set status = 'ISSUED', issued_on = ${plan.issuedOn} where id = ${row.id}`;
  return row.id;
}

export interface PaymentPlan {
  readonly invoiceId: string;
  readonly currency: string;
  readonly amountMinor: number;
  readonly method: 'CASH' | 'CARD' | 'TRANSFER';
  readonly capturedAt: string;
}

/** Books a payment as core_app; answers the day it stands on. */
export async function payAt(core: Runner, payment: PaymentPlan): Promise<string> {
  const [row] = await core<{ on: string }[]>`
    insert into billing.payments (invoice_id, currency, amount_minor, method, captured_at)
    values (${payment.invoiceId}, ${payment.currency}, ${payment.amountMinor}, ${payment.method}, ${payment.capturedAt})
    returning business_date::text as on`;
  return row?.on ?? '';
}

export const closeDay = (core: Runner, day: string) =>
  core`select billing.close_business_day(${day}::date, 'user test')`;

/** Days from one to another, both included. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(`${from}T00:00:00Z`); at <= Date.parse(`${to}T00:00:00Z`); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}
