import { createHash } from 'node:crypto';
import type { Context } from '@bridgework/kernel/context';
import { sql } from 'drizzle-orm';
import { makeContent } from './content.ts';
import type { ExportKind } from './export.ts';
import { compute } from './generate-export.ts';

/** What is wrong with a kept export. */
export type ExportFault = 'altered' | 'recomputed-otherwise' | 'chain-broken' | 'files-altered' | 'position-missing';

export interface ExportVerification {
  readonly verified: number;
  readonly faults: readonly { readonly id: string; readonly fault: ExportFault }[];
}

type KeptExport = {
  readonly id: string;
  readonly kind: ExportKind;
  readonly day: string;
  readonly content: string;
  readonly sha256: string;
  readonly position: number;
  readonly previousSha256: string;
  readonly filesIntact: boolean;
};

const PAGE = 100;
const BEGINNING = '0'.repeat(64);

/**
 * Computes every export again and compares it with what was kept, byte for byte, along the chain. What was recorded may
 * never change: each difference raises an alert, once a day.
 *
 * @see docs/rules.md#accounting-exports
 */
export async function verifyExports(ctx: Context): Promise<ExportVerification> {
  const faults: { id: string; fault: ExportFault }[] = [];
  let before = { position: 0, sha256: BEGINNING };
  let verified = 0;
  for (;;) {
    const page = await readPage(ctx, before.position);
    for (const kept of page) {
      faults.push(...(await faultsOf(ctx, kept, before)).map((fault) => ({ id: kept.id, fault })));
      before = kept;
      verified += 1;
    }
    if (page.length < PAGE) break;
  }
  for (const { id, fault } of faults) {
    await ctx.db.execute(sql`select integration.raise_alert('export.altered', 'export', ${id},
      ${`The kept export is not what it was: ${fault}.`}, interval '1 day')`);
  }
  return { verified, faults };
}

async function readPage({ db }: Context, after: number): Promise<readonly KeptExport[]> {
  const rows = await db.execute<KeptExport & { readonly position: string }>(sql`
    select id, kind, period::text as day, content, content_sha256 as sha256, "position",
      previous_sha256 as "previousSha256", files_intact as "filesIntact"
    from billing.kept_exports(${after}::bigint, ${PAGE})`);
  return rows.map((row) => ({ ...row, position: Number(row.position) }));
}

async function faultsOf(
  { db }: Context,
  kept: KeptExport,
  before: { readonly position: number; readonly sha256: string },
): Promise<ExportFault[]> {
  const content = makeContent(kept.kind, kept.day, await compute(db, kept.kind, kept.day));
  const digest = createHash('sha256').update(kept.content, 'utf8').digest('hex');
  return [
    ...(digest === kept.sha256 ? [] : (['altered'] as const)),
    ...(content.text === kept.content ? [] : (['recomputed-otherwise'] as const)),
    ...(kept.previousSha256 === before.sha256 ? [] : (['chain-broken'] as const)),
    ...(kept.position === before.position + 1 ? [] : (['position-missing'] as const)),
    ...(kept.filesIntact ? [] : (['files-altered'] as const)),
  ];
}
