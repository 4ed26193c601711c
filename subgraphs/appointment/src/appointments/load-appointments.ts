import { loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { sql } from 'drizzle-orm';
import { appointments } from '../tables.ts';

/** What the graph shows of an appointment. */
export const appointmentColumns = {
  id: appointments.id,
  patientId: appointments.patientId,
  providerId: appointments.providerId,
  chairId: appointments.chairId,
  startsAt: appointments.startsAt,
  endsAt: appointments.endsAt,
  status: appointments.status,
  source: appointments.source,
  sequence: appointments.sequence,
  importedByIntegrationId: appointments.importedByIntegrationId,
  createdAt: appointments.createdAt,
  updatedAt: appointments.updatedAt,
};

export type Appointment = Pick<typeof appointments.$inferSelect, keyof typeof appointmentColumns>;

const byIds = prepared((db) =>
  db
    .select(appointmentColumns)
    .from(appointments)
    .where(sql`${appointments.id} = any(${sql.placeholder('ids')}::text[])`),
);

/** An appointment by public id; null when there is none. Batched per request. */
export const appointmentById = loadOne(
  (ctx, ids: readonly string[]): Promise<Appointment[]> => byIds(ctx, { ids }),
  (row) => row.id,
);
