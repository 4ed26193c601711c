import { refusalOf } from '@bridgework/kernel/database-errors';
import { DomainError } from '@bridgework/kernel/errors';
import { expect, test } from 'vitest';

const failure = (code: string) => Object.assign(new Error('from the driver'), { code });

test.each(['55P03', '57014', '08006', '40P01', '53300', 'CONNECTION_CLOSED', 'ECONNREFUSED'])(
  '%s is a passing failure: try again in a second',
  (code) => {
    const refusal = refusalOf(new Error('Failed query', { cause: failure(code) }));
    expect(refusal?.code).toBe('TEMPORARILY_UNAVAILABLE');
    expect(refusal?.details.retryAfterSeconds).toBe(1);
  },
);

test.each(['23505', '42501', '22003', 'ERR_INVALID_ARG_TYPE'])('%s is a fault of ours and stays one', (code) => {
  expect(refusalOf(failure(code))).toBeNull();
});

test('a refusal passes through as it is, also out of a transaction that wrapped it', () => {
  const refusal = new DomainError('NOT_FOUND');
  expect(refusalOf(refusal)).toBe(refusal);
  expect(refusalOf(new Error('rolled back', { cause: refusal }))).toBe(refusal);
});
