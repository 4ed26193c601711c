import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { fromEntries, metadata, toEntries } from '../metadata.ts';
import { givenInstant, idOf, instant } from '../values.ts';

const MAX_ROWS = 500;

const ImportRowV1 = z.strictObject({
  external_id: z.string().min(1).max(64).meta({ description: 'Your name for it: one appointment for ever.' }),
  patient_id: z.string().min(1).max(64),
  provider_id: z.string().min(1).max(64),
  chair_id: z.string().min(1).max(64).optional().meta({ description: 'Without it the first chair that is free.' }),
  starts_at: givenInstant.meta({ description: 'In the future.' }),
  ends_at: givenInstant.meta({ description: 'Within twelve hours of starts_at.' }),
});

const AppointmentImportRequestV1 = z
  .strictObject({ rows: z.array(ImportRowV1).min(1).max(MAX_ROWS), metadata: metadata.optional() })
  .meta({ id: 'AppointmentImportRequest' });

export const AppointmentImportV1 = z
  .strictObject({
    id: idOf('imp'),
    status: z.enum(['RUNNING', 'DONE', 'FAILED']),
    row_count: z.int(),
    processed_count: z.int().meta({ description: 'Rows judged so far.' }),
    imported_count: z.int(),
    unchanged_count: z.int().meta({ description: 'Rows that were booked earlier with the same content.' }),
    errors: z
      .array(z.strictObject({ pointer: z.string(), code: z.string(), detail: z.string() }))
      .meta({ description: 'Why it failed; every row at fault by JSON Pointer.' }),
    metadata,
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: 'AppointmentImport' });

interface ImportNode {
  readonly id: string;
  readonly status: string;
  readonly rowCount: number;
  readonly processedCount: number;
  readonly importedCount: number;
  readonly unchangedCount: number;
  readonly errors: readonly { readonly pointer: string; readonly code: string; readonly detail: string }[];
  readonly metadata: readonly { readonly name: string; readonly value: string }[];
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

const toAppointmentImportV1 = (node: ImportNode) => ({
  id: node.id,
  status: node.status,
  row_count: node.rowCount,
  processed_count: node.processedCount,
  imported_count: node.importedCount,
  unchanged_count: node.unchangedCount,
  errors: node.errors.map(({ pointer, code, detail }) => ({ pointer, code, detail })),
  metadata: fromEntries(node.metadata),
  created_at: node.createdAt,
  finished_at: node.finishedAt,
});

interface ImportData {
  readonly importAppointments: {
    readonly appointmentImport: ImportNode;
    readonly background: boolean;
    readonly replayed: boolean;
  };
}

/** @see docs/rules.md#appointment-imports */
export const importAppointmentsV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/appointment-imports',
  tag: 'Imports',
  operation: 'ImportAppointmentsV1',
  action: 'appointment.import',
  idempotent: true,
  summary: 'Import appointments into free slots of the future, all or none.',
  description:
    'Up to 50 rows are booked at once (201); up to 500 in the background (202: read the import until it has ended). An ' +
    'external_id that is known with the same content changes nothing; with other content, or for a slot that is taken, ' +
    'the whole import is refused, and errors[] names every row at fault. What is imported is always SCHEDULED, and is ' +
    'moved or cancelled by the clinic alone.',
  personalData: true,
  maxBodyBytes: 512 * 1024,
  body: AppointmentImportRequestV1,
  answers: { 201: AppointmentImportV1, 202: AppointmentImportV1 },
  refusals: [
    'IDEMPOTENCY_KEY_MISSING',
    'IDEMPOTENCY_IN_PROGRESS',
    'IDEMPOTENCY_KEY_REUSED',
    'CLINIC_AUTHORITATIVE',
    'SLOT_CONFLICT',
  ],
  variables: ({ body, idempotencyKey }) => ({
    idempotencyKey,
    input: {
      rows: body.rows.map((row) => ({
        externalId: row.external_id,
        patientId: row.patient_id,
        providerId: row.provider_id,
        ...(row.chair_id === undefined ? {} : { chairId: row.chair_id }),
        startsAt: row.starts_at,
        endsAt: row.ends_at,
      })),
      metadata: toEntries(body.metadata),
    },
  }),
  outcome: ({ importAppointments: { background, replayed } }: ImportData) => ({
    status: background ? 202 : 201,
    replayed,
  }),
  toV1: ({ importAppointments }: ImportData) => toAppointmentImportV1(importAppointments.appointmentImport),
});

export const getAppointmentImportV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/appointment-imports/{id}',
  tag: 'Imports',
  operation: 'AppointmentImportV1',
  summary: 'Read an own import: how far it is, or why it failed.',
  personalData: true,
  params: z.strictObject({ id: idOf('imp') }),
  answers: { 200: AppointmentImportV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly appointmentImport: ImportNode | null }) =>
    toAppointmentImportV1(found(data.appointmentImport)),
});
