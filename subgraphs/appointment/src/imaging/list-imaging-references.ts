import { loadPages } from '@bridgework/kernel/page-loader';
import { sql } from 'drizzle-orm';
import { imagingReferences } from '../tables.ts';
import { type ImagingReference, imagingColumns } from './load-imaging-references.ts';

/** The images that were referred to for a visit, in the order (taken_at, id). Batched per request and page. */
export const imagingReferencesOfVisit = loadPages<ImagingReference>(
  (ctx, visitIds, { limit, position }) => {
    const parents = sql`unnest(${sql.param(visitIds)}::text[]) as parent(id)`;
    const behind =
      position === null
        ? sql`true`
        : sql`(${imagingReferences.takenAt}, ${imagingReferences.id}) > (${position.at}::timestamptz, ${position.id})`;
    const page = ctx.db
      .select(imagingColumns)
      .from(imagingReferences)
      .where(sql`${imagingReferences.visitId} = parent.id and ${behind}`)
      .orderBy(imagingReferences.takenAt, imagingReferences.id)
      .limit(limit)
      .as('page');
    return ctx.db.select(page._.selectedFields).from(parents).crossJoinLateral(page);
  },
  (row) => row.visitId ?? '',
  (row) => ({ at: row.takenAt.toISOString(), id: row.id }),
);
