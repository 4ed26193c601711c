import { newId } from '@bridgework/kernel/ids';
import { addDays, dateOf } from './calendar.ts';
import type { Chance } from './chance.ts';
import type { ExpenseData, InvoiceData, PaymentData, VisitData } from './clinic-data.ts';
import { EXPENSES } from './names.ts';

/** Minor units for one riyal's worth: halalas, and for the few Kuwaiti invoices fils (a dinar is about twelve riyals). */
const CURRENCIES = [
  { currency: 'SAR', minorPerRiyal: 100, share: 0.96 },
  { currency: 'KWD', minorPerRiyal: 80, share: 0.04 },
] as const;

export function planInvoices(chance: Chance, visits: readonly VisitData[], now: Date): InvoiceData[] {
  return visits
    .filter((visit) => visit.isCompleted)
    .flatMap((visit) => (chance.happens(0.95) ? [planInvoice(chance, visit, now)] : []));
}

function planInvoice(chance: Chance, visit: VisitData, now: Date): InvoiceData {
  const [riyal, dinar] = CURRENCIES;
  const { currency, minorPerRiyal } = chance.happens(riyal.share) ? riyal : dinar;
  const lines = visit.procedures.map(({ name, riyals }) => ({
    description: name,
    amount_minor: riyals * minorPerRiyal,
  }));
  const total = lines.reduce((sum, line) => sum + line.amount_minor, 0);
  const issuedOn = dateOf(visit.appointment.ends_at);
  const parts = chance.happens(0.15) ? chance.between(3, 5) : 1;
  const installments =
    parts === 1
      ? []
      : split(total, parts).map((amount, index) => ({ due_on: addDays(issuedOn, 14 * index), amount_minor: amount }));
  const isDraft = chance.happens(0.03);
  return {
    id: newId('inv'),
    patient_id: visit.appointment.patient_id,
    visit_id: visit.id,
    currency,
    total_minor: total,
    issued_on: issuedOn,
    due_on: installments.at(-1)?.due_on ?? addDays(issuedOn, 30),
    lines,
    installments,
    isDraft,
    payments: isDraft ? [] : planPayments(chance, { total, installments, paidFrom: visit.appointment.ends_at, now }),
  };
}

interface Debt {
  readonly total: number;
  readonly installments: InvoiceData['installments'];
  readonly paidFrom: Date;
  readonly now: Date;
}

/** Most people pay when they leave, some a part of it, some not yet. Installments are mostly paid when due. */
function planPayments(chance: Chance, { total, installments, paidFrom, now }: Debt): PaymentData[] {
  const method = chance.pick(['CARD', 'CARD', 'CARD', 'CASH', 'TRANSFER'] as const);
  if (installments.length > 0) {
    return installments.flatMap(({ due_on, amount_minor }, index) => {
      const captured = new Date(paidFrom.getTime() + index * 14 * 86_400_000 + 3_600_000);
      const isPaid = chance.happens(0.8);
      return isPaid && captured <= now && due_on <= dateOf(now)
        ? [{ amount_minor, method, captured_at: captured }]
        : [];
    });
  }
  const captured = new Date(Math.min(paidFrom.getTime() + chance.between(5, 40) * 60_000, now.getTime()));
  const draw = chance.between(1, 100);
  if (draw <= 70) return [{ amount_minor: total, method, captured_at: captured }];
  if (draw <= 84) return [{ amount_minor: Math.floor(total / 2), method, captured_at: captured }];
  return [];
}

/** Largest remainder, the first ones larger: 100000 in three is 33334, 33333, 33333. */
export function split(total: number, parts: number): number[] {
  const least = Math.floor(total / parts);
  return Array.from({ length: parts }, (_, index) => least + (index < total - least * parts ? 1 : 0));
}

export function planExpenses(chance: Chance, dates: readonly string[]): ExpenseData[] {
  return dates.flatMap((date, day) =>
    EXPENSES.filter(({ everyDays }) => day % everyDays === everyDays - 1 || day === 0).map(
      ({ category, description, riyals }) => ({
        business_date: date,
        amount_minor: Math.round(riyals * 100 * (chance.between(90, 110) / 100)),
        category,
        description,
      }),
    ),
  );
}
