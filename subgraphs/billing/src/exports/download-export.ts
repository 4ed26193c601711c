import { recordAudit } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import { and, eq } from 'drizzle-orm';
import { exportFiles, exports } from '../tables.ts';
import type { ExportFormat } from './export.ts';

export interface ExportFile {
  readonly format: ExportFormat;
  /** Base64. */
  readonly content: string;
  readonly byteSize: number;
  readonly sha256: string;
}

/**
 * The bytes of an export in one format; null when there is no such export. Each call is audited in the transaction that
 * reads, whether its caller then takes the bytes or has them already.
 */
export function downloadExport(ctx: Context, id: string, format: ExportFormat): Promise<ExportFile | null> {
  return ctx.db.transaction(async (tx) => {
    const [file] = await tx
      .select({ content: exportFiles.content, sha256: exportFiles.sha256 })
      .from(exportFiles)
      .innerJoin(exports, eq(exports.key, exportFiles.exportKey))
      .where(and(eq(exports.id, id), eq(exportFiles.format, format)));
    await recordAudit(tx, ctx, {
      action: 'export.download',
      entity: 'export',
      entityId: id,
      result: file === undefined ? 'REJECTED' : 'OK',
      ...(file === undefined ? { errorMessage: 'NOT_FOUND' } : {}),
    });
    if (file === undefined) return null;
    return { format, content: file.content.toString('base64'), byteSize: file.content.length, sha256: file.sha256 };
  });
}
