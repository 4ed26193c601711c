import { bigint, boolean, customType, date, integer, pgSchema, smallint, text, timestamp } from 'drizzle-orm/pg-core';
import type { ExportFormat, ExportKind } from './exports/export.ts';
import type { RefusalCode } from './payments/payment-confirmation.ts';

/** What this subgraph reads and writes of its schema; schema/migrations is the law, a test compares the two. */
const schema = pgSchema('billing');

const key = () => bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity();
const amount = () => bigint({ mode: 'number' });
const instant = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' });
/** A calendar day stays text: as a Date it would shift with the machine's time zone. */
const day = () => date({ mode: 'string' });

export const invoices = schema.table('invoices', {
  key: key(),
  id: text().notNull(),
  reference: text().notNull(),
  number: text().notNull(),
  patientId: text().notNull(),
  visitId: text(),
  currency: text().notNull(),
  totalMinor: amount().notNull(),
  paidMinor: amount().notNull(),
  status: text({ enum: ['DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID'] }).notNull(),
  issuedOn: day(),
  dueOn: day().notNull(),
  voidedOn: day(),
  createdAt: instant().notNull(),
  updatedAt: instant().notNull(),
});

export const invoiceLines = schema.table('invoice_lines', {
  key: key(),
  invoiceKey: bigint({ mode: 'number' }).notNull(),
  position: smallint().notNull(),
  description: text().notNull(),
  quantity: integer().notNull(),
  amountMinor: amount().notNull(),
});

export const installments = schema.table('installments', {
  key: key(),
  id: text().notNull(),
  invoiceKey: bigint({ mode: 'number' }).notNull(),
  number: smallint().notNull(),
  dueOn: day().notNull(),
  amountMinor: amount().notNull(),
});

export const payments = schema.table('payments', {
  key: key(),
  id: text().notNull(),
  invoiceId: text().notNull(),
  currency: text().notNull(),
  amountMinor: amount().notNull(),
  method: text({ enum: ['CASH', 'CARD', 'TRANSFER'] }).notNull(),
  capturedAt: instant().notNull(),
  businessDate: day().notNull(),
  latePosted: boolean().notNull(),
  integrationId: text(),
  terminalId: text(),
  terminalTxnId: text(),
  cardScheme: text(),
  cardLast4: text('card_last4'),
  approvalCode: text(),
  createdAt: instant().notNull().defaultNow(),
});

export const terminalConfirmations = schema.table('terminal_confirmations', {
  key: key(),
  id: text().notNull(),
  integrationId: text().notNull(),
  tokenId: text().notNull(),
  invoiceId: text().notNull(),
  amountMinor: amount().notNull(),
  currency: text().notNull(),
  terminalId: text().notNull(),
  terminalTxnId: text().notNull(),
  capturedAt: instant().notNull(),
  cardScheme: text(),
  cardLast4: text('card_last4'),
  approvalCode: text(),
  fingerprint: text().notNull(),
  status: text({ enum: ['RECORDED', 'DUPLICATE', 'REJECTED', 'RESOLVED'] }).notNull(),
  reason: text().$type<RefusalCode>(),
  balanceMinor: amount(),
  paymentId: text(),
  resolution: text({ enum: ['LINKED', 'DISMISSED'] }),
  resolutionReason: text(),
  resolvedBy: text(),
  resolvedAt: instant(),
  receivedAt: instant().notNull().defaultNow(),
});

const period = () => ({
  status: text({ enum: ['OPEN', 'CLOSED'] }).notNull(),
  closedAt: instant(),
  closedBy: text(),
});

export const businessDays = schema.table('business_days', { businessDate: day().primaryKey(), ...period() });
export const months = schema.table('months', { month: day().primaryKey(), ...period() });

export const exports = schema.table('exports', {
  key: key(),
  id: text().notNull(),
  kind: text().$type<ExportKind>().notNull(),
  period: day().notNull(),
  content: text().notNull(),
  contentSha256: text('content_sha256').notNull(),
  position: bigint({ mode: 'number' }).notNull(),
  previousSha256: text('previous_sha256').notNull(),
  generatedBy: text().notNull(),
  generatedAt: instant().notNull(),
});

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const exportFiles = schema.table('export_files', {
  key: key(),
  exportKey: bigint({ mode: 'number' }).notNull(),
  format: text().$type<ExportFormat>().notNull(),
  content: bytes().notNull(),
  sha256: text().notNull(),
  createdAt: instant().notNull(),
});
