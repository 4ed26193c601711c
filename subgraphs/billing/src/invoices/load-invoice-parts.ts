import { loadMany } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { asc, sql } from 'drizzle-orm';
import { installments, invoiceLines, payments } from '../tables.ts';

const lines = prepared((db) =>
  db
    .select({
      invoiceKey: invoiceLines.invoiceKey,
      position: invoiceLines.position,
      description: invoiceLines.description,
      quantity: invoiceLines.quantity,
      amountMinor: invoiceLines.amountMinor,
    })
    .from(invoiceLines)
    .where(sql`${invoiceLines.invoiceKey} = any(${sql.placeholder('keys')}::bigint[])`)
    .orderBy(asc(invoiceLines.position)),
);

const plans = prepared((db) =>
  db
    .select({
      invoiceKey: installments.invoiceKey,
      id: installments.id,
      number: installments.number,
      dueOn: installments.dueOn,
      amountMinor: installments.amountMinor,
      // The clinic's day, not the machine's. A sub-select, or the function would run for every row.
      pastDue: sql<boolean>`${installments.dueOn} < (select base.local_date(now()))`,
    })
    .from(installments)
    .where(sql`${installments.invoiceKey} = any(${sql.placeholder('keys')}::bigint[])`)
    .orderBy(asc(installments.dueOn), asc(installments.number)),
);

const received = prepared((db) =>
  db
    .select({
      invoiceId: payments.invoiceId,
      id: payments.id,
      amountMinor: payments.amountMinor,
      currency: payments.currency,
      method: payments.method,
      businessDate: payments.businessDate,
      latePosted: payments.latePosted,
      receivedAt: payments.createdAt,
    })
    .from(payments)
    .where(sql`${payments.invoiceId} = any(${sql.placeholder('ids')}::text[])`)
    .orderBy(asc(payments.key)),
);

/** Lines of an invoice by its internal key, in order. Batched per request. */
export const linesOfInvoice = loadMany(
  (ctx, keys: readonly number[]) => lines(ctx, { keys }),
  (row) => row.invoiceKey,
);

/** The plan of an invoice by its internal key, in order. Batched per request. */
export const planOfInvoice = loadMany(
  (ctx, keys: readonly number[]) => plans(ctx, { keys }),
  (row) => row.invoiceKey,
);

/** Payments of an invoice by its public id, oldest first. Batched per request. */
export const paymentsOfInvoice = loadMany(
  (ctx, ids: readonly string[]) => received(ctx, { ids }),
  (row) => row.invoiceId,
);
