import { idArgument, lineArgument, parseArguments } from '@bridgework/kernel/arguments';
import type { Context } from '@bridgework/kernel/context';
import type { Money } from '@bridgework/kernel/money';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { z } from 'zod';
import { closeBusinessDay, closeMonth } from './business-days/close-period.ts';
import {
  type Confirmation,
  findConfirmation,
  findConfirmationByTransaction,
} from './confirmations/find-confirmation.ts';
import { confirmationFilter, listConfirmations } from './confirmations/list-confirmations.ts';
import { resolveConfirmation } from './confirmations/resolve-confirmation.ts';
import { downloadExport } from './exports/download-export.ts';
import { EXPORT_FORMATS, type ReportExport } from './exports/export.ts';
import { exportFilter, findExport, listExports } from './exports/find-exports.ts';
import { generateExport } from './exports/generate-export.ts';
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
const exportPage = page.extend({ filter: exportFilter.nullish().transform((filter) => filter ?? {}) });
const file = z.strictObject({ id: idArgument, format: z.enum(EXPORT_FORMATS) });
const dayOf = z.strictObject({
  date: z.union([z.date().transform((at) => at.toISOString().slice(0, 10)), z.iso.date()]),
});
const monthOf = z.strictObject({ month: z.string().max(7) });
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
    reportExport: (_: never, input: unknown, ctx) => findExport(ctx.db, parseArguments(byId, input).id),
    reportExports: (_: never, input: unknown, ctx) => listExports(ctx, parseArguments(exportPage, input)),
    reportExportContent: (_: never, input: unknown, ctx) => {
      const { id, format } = parseArguments(file, input);
      return downloadExport(ctx, id, format);
    },
  },
  Mutation: {
    // Parsed inside, so that what its shape refuses is audited too.
    confirmPayment: (_: never, { input, idempotencyKey }: { input: unknown; idempotencyKey: string }, ctx) =>
      answerConfirmation(ctx, input, idempotencyKey),
    requestReportExport: (_: never, { input, idempotencyKey }: { input: unknown; idempotencyKey: string }, ctx) =>
      generateExport(ctx, input, idempotencyKey),
    generateReportExport: (_: never, { input, idempotencyKey }: { input: unknown; idempotencyKey: string }, ctx) =>
      generateExport(ctx, input, idempotencyKey),
    closeBusinessDay: (_: never, input: unknown, ctx) => closeBusinessDay(ctx, parseArguments(dayOf, input).date),
    closeMonth: (_: never, input: unknown, ctx) => closeMonth(ctx, parseArguments(monthOf, input).month),
    resolveTerminalConfirmation: (_: never, input: unknown, ctx) => resolveConfirmation(ctx, input),
  },
  ReportExport: {
    generatedBy: ({ generatedBy }: ReportExport, _: unknown, { caller }) =>
      caller.kind === 'user' ? generatedBy : generatedBy.startsWith('token ') ? 'partner' : 'clinic',
  },
  TerminalConfirmation: {
    resolutionReason: ({ resolutionReason }: Confirmation, _: unknown, { caller }) =>
      caller.kind === 'user' ? resolutionReason : null,
    resolvedBy: ({ resolvedBy }: Confirmation, _: unknown, { caller }) => (caller.kind === 'user' ? resolvedBy : null),
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
