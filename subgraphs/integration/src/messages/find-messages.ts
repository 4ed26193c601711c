import { idArgument } from '@bridgework/kernel/arguments';
import { type Connection, decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import { and, desc, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { parseInput } from '../input.ts';
import { messages } from '../tables.ts';
import { MESSAGE_CHANNELS, MESSAGE_STATUSES } from './message.ts';

const columns = {
  id: messages.id,
  channel: messages.channel,
  template: messages.template,
  locale: messages.locale,
  entity: messages.entity,
  entityId: messages.entityId,
  patientId: messages.patientId,
  recipientMasked: messages.recipientMasked,
  status: messages.status,
  statusReason: messages.statusReason,
  provider: messages.provider,
  segments: messages.segments,
  attempts: messages.attempts,
  sendAt: messages.sendAt,
  sendUntil: messages.sendUntil,
  sentAt: messages.sentAt,
  createdAt: messages.createdAt,
  updatedAt: messages.updatedAt,
};

/** A reminder to a patient, as the graph shows it: without name, number or words. */
export type Message = { readonly [Name in keyof typeof columns]: (typeof messages.$inferSelect)[Name] };

const FindMessages = z.object({
  filter: z
    .strictObject({
      status: z.enum(MESSAGE_STATUSES).optional(),
      channel: z.enum(MESSAGE_CHANNELS).optional(),
      entityId: idArgument.optional(),
      patientId: idArgument.optional(),
    })
    .default({}),
  first: z.int(),
  after: z.string().optional(),
});

/** Messages, newest first. */
export async function findMessages(ctx: Context, args: unknown): Promise<Connection<Message>> {
  const { filter, first, after } = parseInput(FindMessages, args);
  const position = decodeInstantCursor(after);
  const found = await ctx.db
    .select(columns)
    .from(messages)
    .where(
      and(
        filter.status === undefined ? undefined : eq(messages.status, filter.status),
        filter.channel === undefined ? undefined : eq(messages.channel, filter.channel),
        filter.entityId === undefined ? undefined : eq(messages.entityId, filter.entityId),
        filter.patientId === undefined ? undefined : eq(messages.patientId, filter.patientId),
        position
          ? sql`(${messages.createdAt}, ${messages.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`
          : undefined,
      ),
    )
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(pageSize(first) + 1);
  return toConnection(found, first, after, ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }));
}
