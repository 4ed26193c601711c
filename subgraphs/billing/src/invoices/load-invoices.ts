import { loadMany, loadOne } from '@bridgework/kernel/loaders';
import { loadPages } from '@bridgework/kernel/page-loader';
import { prepared } from '@bridgework/kernel/prepared';
import { asc, desc, sql } from 'drizzle-orm';
import { invoices } from '../tables.ts';

/** What the graph shows of an invoice; `key` leads to its lines and stays inside. */
export const invoiceColumns = {
  key: invoices.key,
  id: invoices.id,
  reference: invoices.reference,
  number: invoices.number,
  patientId: invoices.patientId,
  visitId: invoices.visitId,
  currency: invoices.currency,
  totalMinor: invoices.totalMinor,
  paidMinor: invoices.paidMinor,
  status: invoices.status,
  issuedOn: invoices.issuedOn,
  dueOn: invoices.dueOn,
};

export type Invoice = Pick<typeof invoices.$inferSelect, keyof typeof invoiceColumns>;

/** A draft is the clinic's own affair: to everybody outside there is no such invoice yet. */
const issued = sql`${invoices.status} <> 'DRAFT'`;

const byIds = prepared((db) =>
  db
    .select(invoiceColumns)
    .from(invoices)
    .where(sql`${invoices.id} = any(${sql.placeholder('ids')}::text[]) and ${issued}`),
);

// One per visit: the one that counts, or the newest of those that were withdrawn.
const byVisits = prepared((db) =>
  db
    .selectDistinctOn([invoices.visitId], invoiceColumns)
    .from(invoices)
    .where(sql`${invoices.visitId} = any(${sql.placeholder('ids')}::text[]) and ${issued}`)
    .orderBy(asc(invoices.visitId), sql`${invoices.status} = 'VOID'`, desc(invoices.key)),
);

const balances = prepared((db) =>
  db
    .select({
      patientId: invoices.patientId,
      currency: invoices.currency,
      amountMinor: sql<string>`sum(${invoices.totalMinor} - ${invoices.paidMinor})`.mapWith(Number),
    })
    .from(invoices)
    .where(
      sql`${invoices.patientId} = any(${sql.placeholder('ids')}::text[])
        and ${invoices.status} in ('ISSUED', 'PARTIALLY_PAID')`,
    )
    .groupBy(invoices.patientId, invoices.currency)
    .orderBy(asc(invoices.currency)),
);

/** An issued invoice by public id; null when there is none or it is a draft. Batched per request. */
export const invoiceById = loadOne(
  (ctx, ids: readonly string[]): Promise<Invoice[]> => byIds(ctx, { ids }),
  (row) => row.id,
);

/** The invoice of a visit; null when none was issued. Batched per request. */
export const invoiceOfVisit = loadOne(
  (ctx, ids: readonly string[]): Promise<Invoice[]> => byVisits(ctx, { ids }),
  (row) => row.visitId ?? '',
);

/** What a patient owes, in minor units, one row per currency in which something is owed. Batched per request. */
export const balancesOfPatient = loadMany(
  (ctx, ids: readonly string[]) => balances(ctx, { ids }),
  (row) => row.patientId,
);

/** A patient's issued invoices, newest first by (issued_on, id). Batched per request and page. */
export const invoicesOfPatient = loadPages<Invoice>(
  (ctx, patientIds, { limit, position }) => {
    const behind =
      position === null
        ? sql`true`
        : sql`(${invoices.issuedOn}, ${invoices.id}) < (${position.at}::date, ${position.id})`;
    const page = ctx.db
      .select(invoiceColumns)
      .from(invoices)
      .where(sql`${invoices.patientId} = parent.id and ${issued} and ${behind}`)
      .orderBy(desc(invoices.issuedOn), desc(invoices.id))
      .limit(limit)
      .as('page');
    return ctx.db
      .select(page._.selectedFields)
      .from(sql`unnest(${sql.param(patientIds)}::text[]) as parent(id)`)
      .crossJoinLateral(page);
  },
  (row) => row.patientId,
  (row) => ({ at: row.issuedOn ?? '', id: row.id }),
);
