import { type Connection, decodeCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { preparedParts, type WhenGiven } from '@bridgework/kernel/prepared';
import { and, asc, eq, sql } from 'drizzle-orm';
import { providers } from '../tables.ts';
import { type Provider, providerColumns } from './load-providers.ts';

/**
 * The providers who work at the clinic now, in the order (name, id).
 *
 * @throws DomainError VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export async function listProviders(
  ctx: Context,
  input: { readonly first: number; readonly after?: string | null | undefined },
): Promise<Connection<Provider>> {
  const first = pageSize(input.first);
  const position = decodeCursor(input.after);
  const rows = await page(ctx, { at: position?.at, id: position?.id, limit: first + 1 });
  return toConnection(rows, first, input.after, (row) => ({ at: row.name, id: row.id }));
}

const page = preparedParts((db, when: WhenGiven<'at' | 'id' | 'limit'>) =>
  db
    .select(providerColumns)
    .from(providers)
    .where(
      and(
        eq(providers.active, true),
        when('at', (at) => sql`(${providers.name}, ${providers.id}) > (${at}, ${sql.placeholder('id')})`),
      ),
    )
    .orderBy(asc(providers.name), asc(providers.id))
    .limit(sql.placeholder('limit')),
);
