import { loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { sql } from 'drizzle-orm';
import { patients } from '../tables.ts';

const columns = {
  id: patients.id,
  fullName: patients.fullName,
  phoneE164: patients.phoneE164,
  email: patients.email,
};

export type Patient = Pick<typeof patients.$inferSelect, keyof typeof columns>;

const byIds = prepared((db) =>
  db
    .select(columns)
    .from(patients)
    .where(sql`${patients.id} = any(${sql.placeholder('ids')}::text[])`),
);

/** A patient by public id, unmasked: what of it is shown is the resolvers' affair. Null when there is none. */
export const patientById = loadOne(
  (ctx, ids: readonly string[]): Promise<Patient[]> => byIds(ctx, { ids }),
  (row) => row.id,
);
