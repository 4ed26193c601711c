import type { Context } from '@bridgework/kernel/context';
import { and, eq } from 'drizzle-orm';
import { imports } from '../tables.ts';

/** An import as the graph shows it. */
export interface AppointmentImport {
  readonly id: string;
  readonly status: 'RUNNING' | 'COMPLETED' | 'REJECTED';
  readonly rowCount: number;
  /** Rows that were booked or already were as given. */
  readonly importedCount: number;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}

/** An import of the calling integration; null for an unknown one and for anybody else's, which look the same. */
export async function findImport(ctx: Context, id: string): Promise<AppointmentImport | null> {
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
  if (row === undefined) return null;
  return {
    id: row.id,
    status: GRAPH_STATUS[row.status],
    rowCount: row.rowCount,
    importedCount: row.importedCount + row.unchangedCount,
    createdAt: row.createdAt,
    completedAt: row.finishedAt,
  };
}

const GRAPH_STATUS = { RUNNING: 'RUNNING', DONE: 'COMPLETED', FAILED: 'REJECTED' } as const;
