import { idArgument } from '@bridgework/kernel/arguments';
import { decodeInstantCursor, pageSize } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
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
  return walk(ctx, { first, after: input.after, position, updatedSince }, (until) =>
    ctx.db
      .select(visitColumns)
      .from(visits)
      .where(
        and(
          ...conditionsOf(input.filter),
          until === undefined ? undefined : lt(visits.updatedAt, until),
          position === null
            ? undefined
            : sql`(${visits.updatedAt}, ${visits.id}) > (${position.at.toISOString()}::timestamptz, ${position.id})`,
        ),
      )
      .orderBy(asc(visits.updatedAt), asc(visits.id))
      .limit(first + 1),
  );
}

const conditionsOf = ({ startedFrom, startedTo, updatedSince, status, providerId }: VisitFilter) => [
  startedFrom ? gte(visits.startedAt, startedFrom) : undefined,
  startedTo ? lt(visits.startedAt, startedTo) : undefined,
  updatedSince ? gte(visits.updatedAt, updatedSince) : undefined,
  status ? eq(visits.status, status) : undefined,
  providerId ? eq(visits.providerId, providerId) : undefined,
];
