import { idArgument } from '@bridgework/kernel/arguments';
import { decodeInstantCursor, pageSize } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { preparedParts, type WhenGiven } from '@bridgework/kernel/prepared';
import { and, asc, eq, gte, lt, sql } from 'drizzle-orm';
import { z } from 'zod';
import { visits } from '../tables.ts';
import { type WalkPage, walk } from '../walks/walk.ts';
import { type Visit, visitColumns } from './load-visits.ts';

export const visitFilter = z.strictObject({
  startedFrom: z.date().nullish(),
  startedTo: z.date().nullish(),
  updatedSince: z.date().nullish(),
  status: z.enum(visits.status.enumValues).nullish(),
  providerId: idArgument.nullish(),
});
export type VisitFilter = z.infer<typeof visitFilter>;

export interface ListVisits {
  readonly filter: VisitFilter;
  /** 1 to 100. */
  readonly first: number;
  readonly after?: string | null | undefined;
}

/**
 * Visits in the order (updated_at, id).
 *
 * @throws DomainError VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export async function listVisits(ctx: Context, input: ListVisits): Promise<WalkPage<Visit>> {
  const first = pageSize(input.first);
  const position = decodeInstantCursor(input.after);
  const { updatedSince } = input.filter;
  const { startedFrom, startedTo, status, providerId } = input.filter;
  return walk(ctx, { first, after: input.after, position, updatedSince }, (until) =>
    page(ctx, {
      startedFrom: startedFrom?.toISOString(),
      startedTo: startedTo?.toISOString(),
      updatedSince: updatedSince?.toISOString(),
      status,
      providerId,
      until: until?.toISOString(),
      positionAt: position?.at.toISOString(),
      positionId: position?.id,
      limit: first + 1,
    }),
  );
}

const page = preparedParts((db, when: WhenGiven<PagePart>) =>
  db
    .select(visitColumns)
    .from(visits)
    .where(
      and(
        when('startedFrom', (from) => gte(visits.startedAt, from)),
        when('startedTo', (to) => lt(visits.startedAt, to)),
        when('updatedSince', (since) => gte(visits.updatedAt, since)),
        when('status', (status) => eq(visits.status, status)),
        when('providerId', (id) => eq(visits.providerId, id)),
        when('until', (until) => lt(visits.updatedAt, until)),
        when(
          'positionAt',
          (at) => sql`(${visits.updatedAt}, ${visits.id}) > (${at}::timestamptz, ${sql.placeholder('positionId')})`,
        ),
      ),
    )
    .orderBy(asc(visits.updatedAt), asc(visits.id))
    .limit(sql.placeholder('limit')),
);
type PagePart = keyof VisitFilter | 'until' | 'positionAt' | 'positionId' | 'limit';
