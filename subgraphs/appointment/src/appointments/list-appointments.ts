import { idArgument } from '@bridgework/kernel/arguments';
import { decodeInstantCursor, pageSize } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { preparedParts, type WhenGiven } from '@bridgework/kernel/prepared';
import { and, asc, eq, gte, lt, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appointments } from '../tables.ts';
import { type WalkPage, walk } from '../walks/walk.ts';
import { type Appointment, appointmentColumns } from './load-appointments.ts';

export const appointmentFilter = z.strictObject({
  startsFrom: z.date().nullish(),
  startsTo: z.date().nullish(),
  updatedSince: z.date().nullish(),
  status: z.enum(appointments.status.enumValues).nullish(),
  providerId: idArgument.nullish(),
});
export type AppointmentFilter = z.infer<typeof appointmentFilter>;

export interface ListAppointments {
  readonly filter: AppointmentFilter;
  /** 1 to 100. */
  readonly first: number;
  readonly after?: string | null | undefined;
}

/**
 * Appointments in the order (updated_at, id), which no later page can lose a row of: a change moves a row to the end.
 *
 * @throws DomainError VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export async function listAppointments(ctx: Context, input: ListAppointments): Promise<WalkPage<Appointment>> {
  const first = pageSize(input.first);
  const position = decodeInstantCursor(input.after);
  const { updatedSince } = input.filter;
  const { startsFrom, startsTo, status, providerId } = input.filter;
  return walk(ctx, { first, after: input.after, position, updatedSince }, (until) =>
    page(ctx, {
      startsFrom: startsFrom?.toISOString(),
      startsTo: startsTo?.toISOString(),
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
    .select(appointmentColumns)
    .from(appointments)
    .where(
      and(
        when('startsFrom', (from) => gte(appointments.startsAt, from)),
        when('startsTo', (to) => lt(appointments.startsAt, to)),
        when('updatedSince', (since) => gte(appointments.updatedAt, since)),
        when('status', (status) => eq(appointments.status, status)),
        when('providerId', (id) => eq(appointments.providerId, id)),
        when('until', (until) => lt(appointments.updatedAt, until)),
        when(
          'positionAt',
          (at) =>
            sql`(${appointments.updatedAt}, ${appointments.id}) > (${at}::timestamptz, ${sql.placeholder('positionId')})`,
        ),
      ),
    )
    .orderBy(asc(appointments.updatedAt), asc(appointments.id))
    .limit(sql.placeholder('limit')),
);
type PagePart = keyof AppointmentFilter | 'until' | 'positionAt' | 'positionId' | 'limit';
