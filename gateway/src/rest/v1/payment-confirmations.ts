import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { pageOf } from '../paging.ts';
import { currency, day, givenInstant, idOf, instant, minor } from '../values.ts';

const InvoiceStatusV1 = z.enum(['DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID']);
const ConfirmationStatusV1 = z.enum(['RECORDED', 'DUPLICATE', 'REJECTED', 'RESOLVED']);
const terminalName = z.string().min(1).max(64);

const ConfirmPaymentV1 = z
  .strictObject({
    invoice_id: z.string().min(1).max(64),
    amount_minor: z.int().positive(),
    currency,
    terminal_id: terminalName,
    terminal_txn_id: terminalName.meta({ description: 'Unique per terminal for ever.' }),
    captured_at: givenInstant,
    card: z.strictObject({ scheme: z.string().min(1).max(32), last4: z.string().regex(/^[0-9]{4}$/) }).optional(),
    approval_code: z.string().min(1).max(32).optional(),
  })
  .meta({ id: 'PaymentConfirmationRequest' });

export const PaymentReceiptV1 = z
  .strictObject({
    id: idOf('cnf'),
    status: ConfirmationStatusV1,
    payment_id: idOf('pay'),
    invoice_id: idOf('inv'),
    invoice_status: InvoiceStatusV1.meta({ description: 'After this payment.' }),
    amount_minor: minor,
    currency,
    balance_minor: minor.meta({ description: 'What was owed after this payment.' }),
    business_date: day.meta({ description: 'The day it is booked on.' }),
    late_posted: z.boolean().meta({ description: 'It was captured on a day that was closed by then.' }),
  })
  .meta({ id: 'PaymentReceipt' });

interface ReceiptData {
  readonly confirmPayment: {
    readonly confirmationId: string;
    readonly status: string;
    readonly paymentId: string;
    readonly invoiceId: string;
    readonly invoiceStatus: string;
    readonly amountMinor: number;
    readonly currency: string;
    readonly balance: { readonly amountMinor: number };
    readonly businessDate: string;
    readonly latePosted: boolean;
    readonly replayed: boolean;
    readonly recordedEarlier: boolean;
  };
}

/** @see docs/rules.md#payment-terminals */
export const confirmPaymentV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/payment-confirmations',
  tag: 'Payments',
  operation: 'ConfirmPaymentV1',
  action: 'payment.confirm',
  idempotent: true,
  summary: 'Confirm a payment that a terminal has captured.',
  description:
    'Records the payment once, however often it is sent: by its Idempotency-Key, and for ever by terminal and transaction. ' +
    '201 when it was recorded (also when the same key asks again); 200 when another key had confirmed the same transaction.',
  personalData: true,
  body: ConfirmPaymentV1,
  answers: { 200: PaymentReceiptV1, 201: PaymentReceiptV1 },
  refusals: [
    'NOT_FOUND',
    'IDEMPOTENCY_KEY_MISSING',
    'IDEMPOTENCY_IN_PROGRESS',
    'IDEMPOTENCY_KEY_REUSED',
    'TRANSACTION_CONFLICT',
    'INVOICE_NOT_PAYABLE',
    'INVOICE_ALREADY_PAID',
    'CURRENCY_MISMATCH',
    'AMOUNT_EXCEEDS_BALANCE',
    'CAPTURED_IN_FUTURE',
    'CONFIRMATION_TOO_OLD',
    'SENSITIVE_DATA',
  ],
  variables: ({ body, idempotencyKey }) => ({
    idempotencyKey,
    input: {
      invoiceId: body.invoice_id,
      amountMinor: body.amount_minor,
      currency: body.currency,
      terminalId: body.terminal_id,
      terminalTxnId: body.terminal_txn_id,
      capturedAt: body.captured_at,
      ...(body.card === undefined ? {} : { card: body.card }),
      ...(body.approval_code === undefined ? {} : { approvalCode: body.approval_code }),
    },
  }),
  outcome: ({ confirmPayment }: ReceiptData) => ({
    status: confirmPayment.recordedEarlier ? 200 : 201,
    replayed: confirmPayment.replayed || confirmPayment.recordedEarlier,
  }),
  location: ({ id }) => `/api/v1/payment-confirmations/${id}`,
  toV1: ({ confirmPayment: receipt }: ReceiptData) => ({
    id: receipt.confirmationId,
    status: receipt.status,
    payment_id: receipt.paymentId,
    invoice_id: receipt.invoiceId,
    invoice_status: receipt.invoiceStatus,
    amount_minor: receipt.amountMinor,
    currency: receipt.currency,
    balance_minor: receipt.balance.amountMinor,
    business_date: receipt.businessDate,
    late_posted: receipt.latePosted,
  }),
});

export const PaymentConfirmationV1 = z
  .strictObject({
    id: idOf('cnf'),
    status: ConfirmationStatusV1,
    reason: z.string().nullable().meta({ description: 'Slug of the refusal; null when it was recorded.' }),
    invoice_id: z.string().meta({ description: 'The invoice as the terminal named it.' }),
    payment_id: idOf('pay').nullable(),
    terminal_id: z.string(),
    terminal_txn_id: z.string(),
    amount_minor: minor,
    currency,
    captured_at: instant,
    received_at: instant,
    business_date: day.nullable(),
    late_posted: z.boolean(),
  })
  .meta({ id: 'PaymentConfirmation' });

interface ConfirmationNode {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly invoiceId: string;
  readonly paymentId: string | null;
  readonly terminalId: string;
  readonly terminalTxnId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly capturedAt: string;
  readonly receivedAt: string;
  readonly businessDate: string | null;
  readonly latePosted: boolean;
}

const toPaymentConfirmationV1 = (node: ConfirmationNode) => ({
  id: node.id,
  status: node.status,
  reason: node.reason?.toLowerCase().replaceAll('_', '-') ?? null,
  invoice_id: node.invoiceId,
  payment_id: node.paymentId,
  terminal_id: node.terminalId,
  terminal_txn_id: node.terminalTxnId,
  amount_minor: node.amountMinor,
  currency: node.currency,
  captured_at: node.capturedAt,
  received_at: node.receivedAt,
  business_date: node.businessDate,
  late_posted: node.latePosted,
});

export const getPaymentConfirmationV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/payment-confirmations/{id}',
  tag: 'Payments',
  operation: 'PaymentConfirmationV1',
  summary: 'Read an own confirmation, also one that was refused.',
  personalData: true,
  params: z.strictObject({ id: idOf('cnf') }),
  answers: { 200: PaymentConfirmationV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly terminalConfirmation: ConfirmationNode | null }) =>
    toPaymentConfirmationV1(found(data.terminalConfirmation)),
});

export const findPaymentConfirmationV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/payment-confirmations',
  tag: 'Payments',
  operation: 'FindPaymentConfirmationV1',
  summary: "Find the own confirmation of a terminal's transaction.",
  description: 'For a terminal that was offline: an empty list says that the transaction never arrived.',
  personalData: true,
  query: z.strictObject({ terminal_id: terminalName, terminal_txn_id: terminalName }),
  answers: { 200: pageOf(PaymentConfirmationV1, 'PaymentConfirmationPage') },
  variables: ({ query }) => ({ terminalId: query.terminal_id, terminalTxnId: query.terminal_txn_id }),
  toV1: ({
    terminalConfirmationByTransaction: node,
  }: {
    readonly terminalConfirmationByTransaction: ConfirmationNode | null;
  }) => ({
    data: node === null ? [] : [toPaymentConfirmationV1(node)],
    has_more: false,
    next_cursor: null,
  }),
});
