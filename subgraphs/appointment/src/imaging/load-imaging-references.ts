import type { Context } from '@bridgework/kernel/context';
import { loadOne } from '@bridgework/kernel/loaders';
import { prepared } from '@bridgework/kernel/prepared';
import { inArray, sql } from 'drizzle-orm';
import type { Metadata } from '../metadata.ts';
import { imagingMetadata, imagingReferences } from '../tables.ts';

export const imagingColumns = {
  id: imagingReferences.id,
  patientId: imagingReferences.patientId,
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
  byteSize: imagingReferences.byteSize,
  device: imagingReferences.device,
};

const byIds = prepared((db) =>
  db
    .select(imagingColumns)
    .from(imagingReferences)
    .where(sql`${imagingReferences.id} = any(${sql.placeholder('ids')}::text[])`),
);

export type ImagingReference = Awaited<ReturnType<typeof byIds>>[number];

/** A reference to an image by public id; null when there is none. */
export const imagingReferenceById = loadOne(
  (ctx, ids: readonly string[]) => byIds(ctx, { ids }),
  (row) => row.id,
);

/** Of the calling integration; null for an unknown one and for anybody else's, which look the same. */
export async function ownImagingReference(ctx: Context, id: string): Promise<ImagingReference | null> {
  const reference = await imagingReferenceById(ctx, id);
  return reference !== null && isOwn(ctx, reference) ? reference : null;
}

/** What a partner noted beside a reference of its own; nothing of anybody else's. */
export async function metadataOf(ctx: Context, reference: ImagingReference): Promise<Metadata> {
  if (!isOwn(ctx, reference)) return {};
  return (await metadataById(ctx, reference.id))?.metadata ?? {};
}

const metadataById = loadOne(
  (ctx, ids: readonly string[]) =>
    ctx.db
      .select()
      .from(imagingMetadata)
      .where(inArray(imagingMetadata.imagingId, [...ids])),
  (row) => row.imagingId,
);

const isOwn = ({ caller }: Context, { submittedByIntegrationId }: ImagingReference): boolean =>
  caller.kind === 'integration' && caller.integrationId === submittedByIntegrationId;
