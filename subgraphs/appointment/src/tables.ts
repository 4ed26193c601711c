import { sql } from 'drizzle-orm';
import { bigint, boolean, integer, jsonb, pgSchema, text, timestamp } from 'drizzle-orm/pg-core';
import type { RowFault } from './imports/import.ts';
import type { StoredRow } from './imports/record-import.ts';
import type { Metadata } from './metadata.ts';

/** What this subgraph reads of its schema; schema/migrations is the law, a test compares the two. */
const schema = pgSchema('appointment');

const key = () => bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity();
const instant = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' });

export const patients = schema.table('patients', {
  key: key(),
  id: text().notNull(),
  fullName: text().notNull(),
  phoneE164: text('phone_e164'),
  email: text(),
  locale: text().notNull(),
  consents: jsonb().notNull(),
  createdAt: instant().notNull(),
  updatedAt: instant().notNull(),
});

export const providers = schema.table('providers', {
  key: key(),
  id: text().notNull(),
  name: text().notNull(),
  specialty: text().notNull(),
  active: boolean().notNull(),
});

export const chairs = schema.table('chairs', {
  key: key(),
  id: text().notNull(),
  name: text().notNull(),
  active: boolean().notNull(),
});

export const imports = schema.table('imports', {
  key: key(),
  id: text().notNull().default(sql`base.new_id('imp')`),
  integrationId: text().notNull(),
  status: text({ enum: ['RUNNING', 'DONE', 'FAILED'] })
    .notNull()
    .default('RUNNING'),
  rowCount: integer().notNull(),
  importedCount: integer().notNull().default(0),
  unchangedCount: integer().notNull().default(0),
  errors: jsonb().$type<readonly RowFault[]>().notNull().default([]),
  createdAt: instant().notNull().defaultNow(),
  finishedAt: instant(),
  processedCount: integer().notNull().default(0),
  metadata: jsonb().$type<Metadata>().notNull(),
  rows: jsonb().$type<readonly StoredRow[]>(),
  tokenId: text(),
  requestId: text(),
});

export const imagingMetadata = schema.table('imaging_metadata', {
  imagingId: text().primaryKey(),
  metadata: jsonb().$type<Metadata>().notNull(),
});

export const appointments = schema.table('appointments', {
  key: key(),
  id: text().notNull(),
  patientId: text().notNull(),
  providerId: text().notNull(),
  chairId: text().notNull(),
  startsAt: instant().notNull(),
  endsAt: instant().notNull(),
  status: text({ enum: ['SCHEDULED', 'CONFIRMED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW'] }).notNull(),
  source: text({ enum: ['CLINIC', 'IMPORT'] }).notNull(),
  importedByIntegrationId: text(),
  externalId: text(),
  importKey: bigint({ mode: 'number' }),
  sequence: integer().notNull(),
  completedAt: instant(),
  createdAt: instant().notNull(),
  updatedAt: instant().notNull(),
});

export const visits = schema.table('visits', {
  key: key(),
  id: text().notNull(),
  appointmentId: text().notNull(),
  patientId: text().notNull(),
  providerId: text().notNull(),
  status: text({ enum: ['OPEN', 'COMPLETED'] }).notNull(),
  startedAt: instant().notNull(),
  completedAt: instant(),
  procedureCount: integer().notNull(),
  createdAt: instant().notNull(),
  updatedAt: instant().notNull(),
});

export const visitProcedures = schema.table('visit_procedures', {
  key: key(),
  id: text().notNull(),
  visitKey: bigint({ mode: 'number' }).notNull(),
  code: text().notNull(),
  name: text().notNull(),
  tooth: text(),
  performedAt: instant().notNull(),
});

export const imagingReferences = schema.table('imaging_references', {
  key: key(),
  id: text().notNull(),
  patientId: text().notNull(),
  visitId: text(),
  submittedByIntegrationId: text(),
  studyUid: text().notNull(),
  seriesUid: text().notNull(),
  sopInstanceUid: text().notNull(),
  modality: text({ enum: ['IO', 'PX', 'CT', 'XC', 'DX', 'OT'] }).notNull(),
  takenAt: instant().notNull(),
  uri: text().notNull(),
  contentType: text().notNull(),
  byteSize: bigint({ mode: 'number' }).notNull(),
  sha256: text().notNull(),
  device: text(),
  createdAt: instant().notNull(),
});
