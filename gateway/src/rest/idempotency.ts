import { DomainError } from '@bridgework/kernel/errors';

export const IDEMPOTENCY_HEADER = 'idempotency-key';
export const REPLAYED_HEADER = 'idempotent-replayed';

/** 1 to 255 visible ASCII characters; the header given twice arrives joined by ", " and fails by its space. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The key under which a write is done once.
 *
 * @throws DomainError IDEMPOTENCY_KEY_MISSING without the header, VALIDATION_FAILED for a value of another form.
 */
export function readIdempotencyKey(header: string | readonly string[] | undefined): string {
  if (header === undefined || header === '') {
    throw new DomainError('IDEMPOTENCY_KEY_MISSING', {
      detail: 'Send an Idempotency-Key header that is new for each operation and the same for each retry of it.',
    });
  }
  if (typeof header === 'string' && KEY.test(header)) return header;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [
      {
        pointer: '',
        code: 'bad-idempotency-key',
        detail: 'Idempotency-Key is one value of 1 to 255 visible ASCII characters.',
      },
    ],
  });
}
