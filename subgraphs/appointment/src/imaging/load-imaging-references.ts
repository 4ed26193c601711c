import { loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { sql } from 'drizzle-orm';
import { imagingReferences } from '../tables.ts';

export const imagingColumns = {
  id: imagingReferences.id,
  visitId: imagingReferences.visitId,
  submittedByIntegrationId: imagingReferences.submittedByIntegrationId,
  studyInstanceUid: imagingReferences.studyUid,
  seriesInstanceUid: imagingReferences.seriesUid,
  sopInstanceUid: imagingReferences.sopInstanceUid,
  modality: imagingReferences.modality,
  takenAt: imagingReferences.takenAt,
  uri: imagingReferences.uri,
  contentType: imagingReferences.contentType,
  sha256: imagingReferences.sha256,
};

const byIds = prepared((db) =>
  db
    .select(imagingColumns)
    .from(imagingReferences)
    .where(sql`${imagingReferences.id} = any(${sql.placeholder('ids')}::text[])`)
    .prepare('imaging_references_by_ids'),
);

export type ImagingReference = Awaited<ReturnType<ReturnType<typeof byIds>['execute']>>[number];

/** A reference to an image by public id; null when there is none. */
export const imagingReferenceById = loadOne(
  (ctx, ids: readonly string[]) => byIds(ctx).execute({ ids }),
  (row) => row.id,
);
