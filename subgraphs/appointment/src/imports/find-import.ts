import type { Context } from '@bridgework/kernel/context';
import { and, eq } from 'drizzle-orm';
import { imports } from '../tables.ts';
import type { Import } from './import.ts';

export const importColumns = {
  id: imports.id,
  status: imports.status,
  rowCount: imports.rowCount,
  processedCount: imports.processedCount,
  importedCount: imports.importedCount,
  unchangedCount: imports.unchangedCount,
  errors: imports.errors,
  metadata: imports.metadata,
  createdAt: imports.createdAt,
  finishedAt: imports.finishedAt,
};

/** An import of the calling integration; null for an unknown one and for anybody else's, which look the same. */
export async function findImport(ctx: Context, id: string): Promise<Import | null> {
  if (ctx.caller.kind !== 'integration') return null;
  const [row] = await ctx.db
    .select(importColumns)
    .from(imports)
    .where(and(eq(imports.id, id), eq(imports.integrationId, ctx.caller.integrationId)));
  return row ?? null;
}
