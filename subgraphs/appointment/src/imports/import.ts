import type { ErrorCode, FieldError } from '@bridgework/kernel/errors';
import type { Metadata } from '../metadata.ts';

/** One appointment that a partner wants booked. */
export interface ImportRow {
  readonly externalId: string;
  readonly patientId: string;
  readonly providerId: string;
  readonly chairId: string | null;
  readonly startsAt: Date;
  readonly endsAt: Date;
}

/** An import as the graph shows it. */
export interface Import {
  readonly id: string;
  readonly status: 'RUNNING' | 'DONE' | 'FAILED';
  readonly rowCount: number;
  readonly processedCount: number;
  readonly importedCount: number;
  readonly unchangedCount: number;
  readonly errors: readonly RowFault[];
  readonly metadata: Metadata;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/** What `appointment.record_import` says of a row. */
export interface RowFault {
  readonly pointer: string;
  readonly code: string;
}

/** Up to this many rows are answered at once. */
export const MAX_ROWS_AT_ONCE = 50;
export const MAX_ROWS = 500;

const DETAILS: Readonly<Record<string, string>> = {
  'patient-not-found': 'There is no such patient.',
  'provider-not-found': 'There is no such provider, or they no longer treat.',
  'chair-not-found': 'There is no such chair, or it is no longer used.',
  'not-in-future': 'Only appointments of the future are imported.',
  'invalid-times': 'An appointment ends after it begins, within twelve hours.',
  'clinic-authoritative': "This external id is known with other content, and the clinic's record stays as it is.",
  'slot-conflict': 'The provider or the chair is taken at this time.',
  internal: 'Something went wrong on our side; the import can be sent again.',
};

export const toFieldError = ({ pointer, code }: RowFault): FieldError => ({
  pointer,
  code,
  detail: DETAILS[code] ?? 'This row cannot be booked.',
});

/**
 * What the whole import is refused with: a row that can never be booked weighs more than the clinic's own record, and
 * that more than a slot that is taken.
 */
export function refusalCode(faults: readonly RowFault[]): ErrorCode {
  const codes = new Set(faults.map(({ code }) => code));
  const others = [...codes].filter((code) => code !== 'clinic-authoritative' && code !== 'slot-conflict');
  if (others.length > 0) return 'VALIDATION_FAILED';
  return codes.has('clinic-authoritative') ? 'CLINIC_AUTHORITATIVE' : 'SLOT_CONFLICT';
}
