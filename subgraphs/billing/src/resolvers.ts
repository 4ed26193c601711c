import { idArgument, lineArgument, parseArguments } from '@bridgework/kernel/arguments';
import type { Context } from '@bridgework/kernel/context';
import type { Money } from '@bridgework/kernel/money';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { z } from 'zod';
import { findConfirmation, findConfirmationByTransaction } from './confirmations/find-confirmation.ts';
import { confirmationFilter, listConfirmations } from './confirmations/list-confirmations.ts';
import { stateOfPlan } from './invoices/installment.ts';
import { balanceOf, referenceFor, settledOf, totalOf } from './invoices/invoice.ts';
import { linesOfInvoice, paymentsOfInvoice, planOfInvoice } from './invoices/load-invoice-parts.ts';
import {
  balancesOfPatient,
  type Invoice,
  invoiceById,
  invoiceOfVisit,
  invoicesOfPatient,
} from './invoices/load-invoices.ts';
import { answerConfirmation } from './payments/answer-confirmation.ts';
import { resolveForeign, resolveInvoice } from './references.ts';

const byId = z.strictObject({ id: idArgument });
const page = z.strictObject({ first: z.int(), after: z.string().nullish() });
const confirmationPage = page.extend({ filter: confirmationFilter.nullish().transform((filter) => filter ?? {}) });
const byTransaction = z.strictObject({ terminalId: lineArgument(64), terminalTxnId: lineArgument(64) });

interface Reference {
  readonly id: string;
}

const money = (amountMinor: number, currency: string): Money => ({ amountMinor, currency });

async function payableInvoice(ctx: Context, id: string) {
  const invoice = await invoiceById(ctx, id);
  return invoice && { id: invoice.id, status: invoice.status, balance: balanceOf(invoice) };
}

export const resolvers: Resolvers = {
  Query: {
    invoice: (_: never, input: unknown, ctx) => invoiceById(ctx, parseArguments(byId, input).id),
    payableInvoice: (_: never, input: unknown, ctx) => payableInvoice(ctx, parseArguments(byId, input).id),
    terminalConfirmation: (_: never, input: unknown, ctx) => findConfirmation(ctx, parseArguments(byId, input).id),
    terminalConfirmationByTransaction: (_: never, input: unknown, ctx) =>
      findConfirmationByTransaction(ctx, parseArguments(byTransaction, input)),
    terminalConfirmations: (_: never, input: unknown, ctx) =>
      listConfirmations(ctx, parseArguments(confirmationPage, input)),
  },
  Mutation: {
    // Parsed inside, so that what its shape refuses is audited too.
    confirmPayment: (_: never, { input, idempotencyKey }: { input: unknown; idempotencyKey: string }, ctx) =>
      answerConfirmation(ctx, input, idempotencyKey),
  },
  Invoice: {
    __resolveReference: resolveInvoice,
    reference: (invoice: Invoice, _: unknown, ctx) => referenceFor(ctx.caller, invoice),
    total: totalOf,
    balance: balanceOf,
    patient: ({ patientId }: Invoice): Reference => ({ id: patientId }),
    visit: ({ visitId }: Invoice): Reference | null => (visitId === null ? null : { id: visitId }),
    lines: async ({ key, currency }: Invoice, _: unknown, ctx) =>
      (await linesOfInvoice(ctx, key)).map((line) => ({ ...line, amount: money(line.amountMinor, currency) })),
    installments: async ({ key, currency, ...amounts }: Invoice, _: unknown, ctx) =>
      stateOfPlan(await planOfInvoice(ctx, key), settledOf(amounts)).map((step) => ({
        ...step,
        amount: money(step.amountMinor, currency),
        remaining: money(step.remainingMinor, currency),
      })),
    payments: async ({ id }: Invoice, _: unknown, ctx) =>
      (await paymentsOfInvoice(ctx, id)).map((payment) => ({
        ...payment,
        amount: money(payment.amountMinor, payment.currency),
      })),
  },
  Patient: {
    __resolveReference: resolveForeign,
    balances: ({ id }: Reference, _: unknown, ctx) => balancesOfPatient(ctx, id),
    invoices: ({ id }: Reference, input: unknown, ctx) => invoicesOfPatient(ctx, id, parseArguments(page, input)),
  },
  Visit: {
    __resolveReference: resolveForeign,
    invoice: ({ id }: Reference, _: unknown, ctx) => invoiceOfVisit(ctx, id),
  },
};
