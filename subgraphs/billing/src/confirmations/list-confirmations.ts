import { idArgument } from '@bridgework/kernel/arguments';
import { decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { PageArguments } from '@bridgework/kernel/page-loader';
import { and, desc, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { payments, terminalConfirmations } from '../tables.ts';
import { confirmationColumns } from './find-confirmation.ts';

export const confirmationFilter = z.strictObject({
  integrationId: idArgument.nullish(),
  status: z.enum(terminalConfirmations.status.enumValues).nullish(),
  invoiceId: idArgument.nullish(),
});

/**
 * Confirmations of all integrations for a manager, newest first by (received_at, id).
 *
 * @throws DomainError VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export async function listConfirmations(
  ctx: Context,
  input: PageArguments & { readonly filter: z.output<typeof confirmationFilter> },
) {
  const first = pageSize(input.first);
  const position = decodeInstantCursor(input.after);
  const { integrationId, status, invoiceId } = input.filter;
  const rows = await ctx.db
    .select(confirmationColumns)
    .from(terminalConfirmations)
    .leftJoin(payments, eq(payments.id, terminalConfirmations.paymentId))
    .where(
      and(
        integrationId ? eq(terminalConfirmations.integrationId, integrationId) : undefined,
        status ? eq(terminalConfirmations.status, status) : undefined,
        invoiceId ? eq(terminalConfirmations.invoiceId, invoiceId) : undefined,
        position === null
          ? undefined
          : sql`(${terminalConfirmations.receivedAt}, ${terminalConfirmations.id})
              < (${position.at.toISOString()}::timestamptz, ${position.id})`,
      ),
    )
    .orderBy(desc(terminalConfirmations.receivedAt), desc(terminalConfirmations.id))
    .limit(first + 1);
  return toConnection(rows, first, input.after, (row) => ({ at: row.receivedAt.toISOString(), id: row.id }));
}
