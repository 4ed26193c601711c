import type { Context } from '@bridgework/kernel/context';
import { and, eq } from 'drizzle-orm';
import { imports } from '../tables.ts';

/** An import of the calling integration; null for an unknown one and for anybody else's, which look the same. */
export async function findImport(ctx: Context, id: string) {
  if (ctx.caller.kind !== 'integration') return null;
  const [row] = await ctx.db
    .select({
      id: imports.id,
      status: imports.status,
      rowCount: imports.rowCount,
      importedCount: imports.importedCount,
      unchangedCount: imports.unchangedCount,
      createdAt: imports.createdAt,
      finishedAt: imports.finishedAt,
    })
    .from(imports)
    .where(and(eq(imports.id, id), eq(imports.integrationId, ctx.caller.integrationId)));
  return row ?? null;
}
