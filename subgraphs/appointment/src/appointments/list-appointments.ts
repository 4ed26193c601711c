import { idArgument } from '@bridgework/kernel/arguments';
import { decodeInstantCursor, pageSize } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
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
  return walk(ctx, { first, after: input.after, position, updatedSince }, (until) =>
    ctx.db
      .select(appointmentColumns)
      .from(appointments)
      .where(
        and(
          ...conditionsOf(input.filter),
          until === undefined ? undefined : lt(appointments.updatedAt, until),
          position === null
            ? undefined
            : sql`(${appointments.updatedAt}, ${appointments.id}) > (${position.at.toISOString()}::timestamptz, ${position.id})`,
        ),
      )
      .orderBy(asc(appointments.updatedAt), asc(appointments.id))
      .limit(first + 1),
  );
}

const conditionsOf = ({ startsFrom, startsTo, updatedSince, status, providerId }: AppointmentFilter) => [
  startsFrom ? gte(appointments.startsAt, startsFrom) : undefined,
  startsTo ? lt(appointments.startsAt, startsTo) : undefined,
  updatedSince ? gte(appointments.updatedAt, updatedSince) : undefined,
  status ? eq(appointments.status, status) : undefined,
  providerId ? eq(appointments.providerId, providerId) : undefined,
];
