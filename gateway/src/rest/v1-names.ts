import { DomainError } from '@bridgework/kernel/errors';

/** What an operation refused, with places named as v1 names them: `/terminalTxnId` → `/terminal_txn_id`. */
export function inV1Names(thrown: unknown): unknown {
  if (!(thrown instanceof DomainError) || thrown.details.errors === undefined) return thrown;
  const errors = thrown.details.errors.map((fault) => ({
    ...fault,
    pointer: fault.pointer.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  }));
  return new DomainError(thrown.code, { ...thrown.details, errors });
}
