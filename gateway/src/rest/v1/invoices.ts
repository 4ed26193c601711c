import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { currency, idOf, minor } from '../values.ts';

export const PayableInvoiceV1 = z
  .strictObject({
    id: idOf('inv'),
    status: z
      .enum(['DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID'])
      .meta({ description: 'ISSUED and PARTIALLY_PAID can be paid.' }),
    balance_minor: minor,
    currency,
  })
  .meta({ id: 'PayableInvoice' });

interface PayableData {
  readonly payableInvoice: {
    readonly id: string;
    readonly status: string;
    readonly balance: { readonly amountMinor: number; readonly currency: string };
  } | null;
}

export const getPayableInvoiceV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/invoices/{id}/payable',
  tag: 'Payments',
  operation: 'PayableInvoiceV1',
  summary: 'What a terminal needs to know of an invoice, nothing else.',
  personalData: true,
  params: z.strictObject({ id: idOf('inv') }),
  answers: { 200: PayableInvoiceV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: PayableData) => {
    const invoice = found(data.payableInvoice);
    return {
      id: invoice.id,
      status: invoice.status,
      balance_minor: invoice.balance.amountMinor,
      currency: invoice.balance.currency,
    };
  },
});
