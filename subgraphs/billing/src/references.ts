import type { Context } from '@bridgework/kernel/context';
import { invoiceById } from './invoices/load-invoices.ts';

interface Key {
  readonly id: string;
}

export const resolveInvoice = ({ id }: Key, ctx: Context) => invoiceById(ctx, id);

/** Patients and visits belong to the appointment subgraph, which says whether they exist; here only money hangs on the id. */
export const resolveForeign = ({ id }: Key): Key => ({ id });
