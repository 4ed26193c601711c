import { idArgument, lineArgument, parseArguments } from '@bridgework/kernel/arguments';
import { z } from 'zod';
import { type Metadata, metadataInput } from '../metadata.ts';
import { type ImportRow, MAX_ROWS } from './import.ts';

const row = z.strictObject({
  externalId: lineArgument(64),
  patientId: idArgument,
  providerId: idArgument,
  chairId: idArgument.nullish().transform((id) => id ?? null),
  startsAt: z.date(),
  endsAt: z.date(),
});

const importInput = z.strictObject({ rows: z.array(row).min(1).max(MAX_ROWS), metadata: metadataInput });

export interface ImportAppointments {
  readonly rows: readonly ImportRow[];
  readonly metadata: Metadata;
}

/** @throws DomainError VALIDATION_FAILED, naming each place by JSON Pointer and never with the value that was given. */
export const parseImport = (input: unknown): ImportAppointments => parseArguments(importInput, input);
