import { loadMany, loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { asc, sql } from 'drizzle-orm';
import { visitProcedures, visits } from '../tables.ts';

/** What the graph shows of a visit; `key` leads to its procedures and stays inside. */
export const visitColumns = {
  key: visits.key,
  id: visits.id,
  appointmentId: visits.appointmentId,
  patientId: visits.patientId,
  providerId: visits.providerId,
  status: visits.status,
  startedAt: visits.startedAt,
  completedAt: visits.completedAt,
  updatedAt: visits.updatedAt,
};

export type Visit = Pick<typeof visits.$inferSelect, keyof typeof visitColumns>;

const byIds = prepared((db) =>
  db
    .select(visitColumns)
    .from(visits)
    .where(sql`${visits.id} = any(${sql.placeholder('ids')}::text[])`),
);

const byAppointments = prepared((db) =>
  db
    .select(visitColumns)
    .from(visits)
    .where(sql`${visits.appointmentId} = any(${sql.placeholder('ids')}::text[])`),
);

const procedures = prepared((db) =>
  db
    .select({
      visitKey: visitProcedures.visitKey,
      id: visitProcedures.id,
      code: visitProcedures.code,
      name: visitProcedures.name,
      tooth: visitProcedures.tooth,
    })
    .from(visitProcedures)
    .where(sql`${visitProcedures.visitKey} = any(${sql.placeholder('keys')}::bigint[])`)
    .orderBy(asc(visitProcedures.key)),
);

/** A visit by public id; null when there is none. Batched per request. */
export const visitById = loadOne(
  (ctx, ids: readonly string[]): Promise<Visit[]> => byIds(ctx, { ids }),
  (row) => row.id,
);

/** The visit that came of an appointment; null before it began. Batched per request. */
export const visitOfAppointment = loadOne(
  (ctx, ids: readonly string[]): Promise<Visit[]> => byAppointments(ctx, { ids }),
  (row) => row.appointmentId,
);

/** What was done in a visit, in order, by the visit's internal key. Batched per request. */
export const proceduresOfVisit = loadMany(
  (ctx, keys: readonly number[]) => procedures(ctx, { keys }),
  (row) => row.visitKey,
);
