import { DomainError } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import { ORDINARY_BODY_BYTES } from '../admit-request.ts';
import type { ExecutableDocument } from '../graph/execute.ts';
import { rootFieldsOf } from './root-fields.ts';

const MEGABYTE = 1024 * 1024;

/** The fields whose input is large by nature, and how large the whole body may then be. */
const LARGE_INPUTS: Readonly<Record<string, number>> = {
  importAppointments: MEGABYTE,
  registerDocumentSet: 1.5 * MEGABYTE,
};

/** The most that anybody may send. */
export const MAX_BODY_BYTES = Math.max(ORDINARY_BODY_BYTES, ...Object.values(LARGE_INPUTS));

/** The most that this caller may send, as long as nothing of the body is known. Throws PAYLOAD_TOO_LARGE. */
export function requireSizeFor(caller: SignedCaller, bytes: number): void {
  if (bytes > mostBytesOf(caller)) throw tooLarge();
}

function mostBytesOf(caller: SignedCaller): number {
  if (caller.kind === 'user') return caller.role === 'MANAGER' ? MAX_BODY_BYTES : ORDINARY_BODY_BYTES;
  const mayImport = caller.kind === 'integration' && caller.scopes.includes('write:appointments');
  return mayImport ? (LARGE_INPUTS.importAppointments ?? ORDINARY_BODY_BYTES) : ORDINARY_BODY_BYTES;
}

/** Only a document that does nothing but take large inputs may come with a large body. Throws PAYLOAD_TOO_LARGE. */
export function requireSizeOf({ document, operationName }: ExecutableDocument, bytes: number): void {
  if (bytes <= ORDINARY_BODY_BYTES) return;
  const limits = rootFieldsOf(document, operationName).map((field) => LARGE_INPUTS[field] ?? ORDINARY_BODY_BYTES);
  if (bytes > Math.min(...limits)) throw tooLarge();
}

const tooLarge = (): DomainError => new DomainError('PAYLOAD_TOO_LARGE');
