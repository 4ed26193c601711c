import { lineArgument, parseArguments, parseIdempotencyKey as parseKey } from '@bridgework/kernel/arguments';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { holdsCardNumber } from './card-number.ts';

const currency = z.string().regex(/^[A-Z]{3}$/, 'is an ISO 4217 code');

const confirmPaymentInput = z.strictObject({
  invoiceId: lineArgument(64),
  amountMinor: z.int().positive(),
  currency,
  terminalId: lineArgument(64),
  terminalTxnId: lineArgument(64),
  capturedAt: z.date(),
  card: z
    .strictObject({
      scheme: lineArgument(32),
      last4: z.string().regex(/^[0-9]{4}$/, 'is four digits'),
    })
    .nullish()
    .transform((card) => card ?? null),
  approvalCode: lineArgument(32)
    .nullish()
    .transform((code) => code ?? null),
});

/** A capture as a terminal reports it. */
export type ConfirmPayment = z.output<typeof confirmPaymentInput>;

/**
 * Rows 4 and 5 of the decision table: a confirmation whose shape is right and which holds no card number.
 *
 * @throws DomainError VALIDATION_FAILED or SENSITIVE_DATA, naming places and never values.
 */
export function parseConfirmation(input: unknown): ConfirmPayment {
  const confirmation = parseArguments(confirmPaymentInput, input);
  const places = cardNumbersIn(confirmation);
  if (places.length === 0) return confirmation;
  throw new DomainError('SENSITIVE_DATA', {
    errors: places.map((pointer) => ({ pointer, code: 'card-number', detail: 'Send no card number.' })),
  });
}

function cardNumbersIn({ invoiceId, terminalId, terminalTxnId, card, approvalCode }: ConfirmPayment): string[] {
  const places: readonly (readonly [string, string | null | undefined, 'free text' | 'identifier'])[] = [
    ['/invoiceId', invoiceId, 'identifier'],
    ['/terminalId', terminalId, 'identifier'],
    ['/terminalTxnId', terminalTxnId, 'identifier'],
    ['/approvalCode', approvalCode, 'identifier'],
    ['/card/scheme', card?.scheme, 'free text'],
  ];
  return places.filter(([, text, kind]) => text && holdsCardNumber(text, kind)).map(([pointer]) => pointer);
}

/**
 * An idempotency key: 1 to 255 visible ASCII characters. It is stored, hence it may not be a card number either.
 *
 * @throws DomainError IDEMPOTENCY_KEY_MISSING, VALIDATION_FAILED or SENSITIVE_DATA.
 */
export function parseIdempotencyKey(given: string): string {
  const key = parseKey(given);
  if (!holdsCardNumber(key, 'identifier')) return key;
  throw new DomainError('SENSITIVE_DATA', {
    errors: [{ pointer: '/idempotencyKey', code: 'card-number', detail: 'Send no card number.' }],
  });
}
