import { loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { sql } from 'drizzle-orm';
import { chairs, providers } from '../tables.ts';

export const providerColumns = { id: providers.id, name: providers.name, specialty: providers.specialty };
export type Provider = Pick<typeof providers.$inferSelect, keyof typeof providerColumns>;

const chairColumns = { id: chairs.id, name: chairs.name };
export type Chair = Pick<typeof chairs.$inferSelect, keyof typeof chairColumns>;

const providersByIds = prepared((db) =>
  db
    .select(providerColumns)
    .from(providers)
    .where(sql`${providers.id} = any(${sql.placeholder('ids')}::text[])`),
);

const chairsByIds = prepared((db) =>
  db
    .select(chairColumns)
    .from(chairs)
    .where(sql`${chairs.id} = any(${sql.placeholder('ids')}::text[])`),
);

/** A provider by public id, those who left the clinic included: past visits name them. Null when there is none. */
export const providerById = loadOne(
  (ctx, ids: readonly string[]): Promise<Provider[]> => providersByIds(ctx, { ids }),
  (row) => row.id,
);

/** A chair by public id; null when there is none. */
export const chairById = loadOne(
  (ctx, ids: readonly string[]): Promise<Chair[]> => chairsByIds(ctx, { ids }),
  (row) => row.id,
);
