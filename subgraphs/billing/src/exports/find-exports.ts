import { decodeInstantCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context } from '@bridgework/kernel/context';
import type { Db, Tx } from '@bridgework/kernel/database';
import type { PageArguments } from '@bridgework/kernel/page-loader';
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { exportFiles, exports } from '../tables.ts';
import { EXPORT_KINDS, type ExportKind, periodOf, type ReportExport } from './export.ts';

export const exportFilter = z.strictObject({ kind: z.enum(EXPORT_KINDS).nullish() });

const columns = {
  id: exports.id,
  kind: exports.kind,
  day: exports.period,
  sha256: exports.contentSha256,
  previousSha256: exports.previousSha256,
  position: exports.position,
  generatedAt: exports.generatedAt,
  generatedBy: exports.generatedBy,
  // With names of its own: in a query of one table drizzle writes columns without their table, and both have a key.
  formats: sql<ReportExport['formats']>`array(select file.format from ${exportFiles} as file
    where file.export_key = billing.exports.key order by file.format)`,
};

const select = (db: Db | Tx, where: SQL | undefined) => db.select(columns).from(exports).where(where);
type Row = Awaited<ReturnType<typeof select>>[number];

const toExport = ({ day, ...row }: Row): ReportExport => ({ ...row, period: periodOf(row.kind, day) });

/** One export; null when there is none. */
export async function findExport(db: Db | Tx, id: string): Promise<ReportExport | null> {
  const [row] = await select(db, eq(exports.id, id));
  return row === undefined ? null : toExport(row);
}

/** The export of a period; null while none was generated. */
export async function findExportOf(db: Db | Tx, kind: ExportKind, day: string): Promise<ReportExport | null> {
  const [row] = await select(db, and(eq(exports.kind, kind), eq(exports.period, day)));
  return row === undefined ? null : toExport(row);
}

/**
 * Exports, newest first by (generated_at, id).
 *
 * @throws DomainError VALIDATION_FAILED for a page out of range or a cursor that we did not give.
 */
export async function listExports(
  { db }: Context,
  input: PageArguments & { readonly filter: z.output<typeof exportFilter> },
) {
  const first = pageSize(input.first);
  const position = decodeInstantCursor(input.after);
  const { kind } = input.filter;
  const rows = await select(
    db,
    and(
      kind ? eq(exports.kind, kind) : undefined,
      position === null
        ? undefined
        : sql`(${exports.generatedAt}, ${exports.id}) < (${position.at.toISOString()}::timestamptz, ${position.id})`,
    ),
  )
    .orderBy(desc(exports.generatedAt), desc(exports.id))
    .limit(first + 1);
  return toConnection(rows.map(toExport), first, input.after, (row) => ({
    at: row.generatedAt.toISOString(),
    id: row.id,
  }));
}
