import { z } from 'zod';
import { defineRoute, found } from '../define-route.ts';
import { fromEntries, metadata, toEntries } from '../metadata.ts';
import { givenInstant, idOf, instant } from '../values.ts';

const uid = z
  .string()
  .max(64)
  .regex(/^[0-2](\.(0|[1-9][0-9]*))+$/)
  .meta({ description: 'DICOM UID.', examples: ['1.2.840.113619.2.1.1'] });
const modality = z.enum(['IO', 'PX', 'CT', 'XC', 'DX', 'OT']);
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'Of the image, in lower-case hex.' });

const ImagingReferenceRequestV1 = z
  .strictObject({
    patient_id: z.string().min(1).max(64),
    visit_id: z.string().min(1).max(64).optional(),
    study_instance_uid: uid,
    series_instance_uid: uid,
    sop_instance_uid: uid,
    modality,
    taken_at: givenInstant,
    uri: z.string().min(1).max(2048).meta({
      description: 'https, on a host that the clinic approved for your images. It is kept and never fetched.',
    }),
    content_type: z.string().min(1).max(100),
    byte_size: z.int().positive(),
    sha256,
    device: z.string().min(1).max(100).optional(),
    metadata: metadata.optional(),
  })
  .meta({ id: 'ImagingReferenceRequest' });

export const ImagingReferenceV1 = z
  .strictObject({
    id: idOf('img'),
    patient_id: idOf('pat'),
    visit_id: idOf('vis').nullable(),
    study_instance_uid: z.string(),
    series_instance_uid: z.string(),
    sop_instance_uid: z.string(),
    modality,
    taken_at: instant,
    uri: z.string(),
    content_type: z.string(),
    byte_size: z.int(),
    sha256,
    device: z.string().nullable(),
    metadata,
  })
  .meta({ id: 'ImagingReference' });

interface ImagingNode {
  readonly id: string;
  readonly patient: { readonly id: string };
  readonly visit: { readonly id: string } | null;
  readonly modality: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly takenAt: string;
  readonly uri: string;
  readonly contentType: string;
  readonly byteSize: number;
  readonly sha256: string;
  readonly device: string | null;
  readonly metadata: readonly { readonly name: string; readonly value: string }[];
}

const toImagingReferenceV1 = (node: ImagingNode) => ({
  id: node.id,
  patient_id: node.patient.id,
  visit_id: node.visit?.id ?? null,
  study_instance_uid: node.studyInstanceUid,
  series_instance_uid: node.seriesInstanceUid,
  sop_instance_uid: node.sopInstanceUid,
  modality: node.modality,
  taken_at: node.takenAt,
  uri: node.uri,
  content_type: node.contentType,
  byte_size: node.byteSize,
  sha256: node.sha256,
  device: node.device,
  metadata: fromEntries(node.metadata),
});

interface AddData {
  readonly addImagingReference: {
    readonly imagingReference: ImagingNode;
    readonly recordedEarlier: boolean;
    readonly replayed: boolean;
  };
}

/** @see docs/rules.md#imaging-references */
export const addImagingReferenceV1 = defineRoute({
  method: 'POST',
  path: '/api/v1/imaging-references',
  tag: 'Imaging',
  operation: 'AddImagingReferenceV1',
  action: 'imaging.add',
  idempotent: true,
  summary: 'Add the reference to an image that lies in your archive.',
  description:
    'Where the image is and what it shows, never its bytes: a body over 16 KiB, a data: address or base64 is refused. ' +
    '201 when it was added; 200 when the same reference was known already. An instance that is known with other content ' +
    'is refused.',
  personalData: true,
  maxBodyBytes: 16 * 1024,
  body: ImagingReferenceRequestV1,
  answers: { 200: ImagingReferenceV1, 201: ImagingReferenceV1 },
  refusals: [
    'NOT_FOUND',
    'IDEMPOTENCY_KEY_MISSING',
    'IDEMPOTENCY_IN_PROGRESS',
    'IDEMPOTENCY_KEY_REUSED',
    'CLINIC_AUTHORITATIVE',
  ],
  variables: ({ body, idempotencyKey }) => ({
    idempotencyKey,
    input: {
      patientId: body.patient_id,
      ...(body.visit_id === undefined ? {} : { visitId: body.visit_id }),
      studyInstanceUid: body.study_instance_uid,
      seriesInstanceUid: body.series_instance_uid,
      sopInstanceUid: body.sop_instance_uid,
      modality: body.modality,
      takenAt: body.taken_at,
      uri: body.uri,
      contentType: body.content_type,
      byteSize: body.byte_size,
      sha256: body.sha256,
      ...(body.device === undefined ? {} : { device: body.device }),
      metadata: toEntries(body.metadata),
    },
  }),
  outcome: ({ addImagingReference: { recordedEarlier, replayed } }: AddData) => ({
    status: recordedEarlier ? 200 : 201,
    replayed,
  }),
  toV1: ({ addImagingReference }: AddData) => toImagingReferenceV1(addImagingReference.imagingReference),
});

export const getImagingReferenceV1 = defineRoute({
  method: 'GET',
  path: '/api/v1/imaging-references/{id}',
  tag: 'Imaging',
  operation: 'ImagingReferenceV1',
  summary: 'Read an own reference to an image.',
  personalData: true,
  params: z.strictObject({ id: idOf('img') }),
  answers: { 200: ImagingReferenceV1 },
  variables: ({ params }) => ({ id: params.id }),
  toV1: (data: { readonly imagingReference: ImagingNode | null }) => toImagingReferenceV1(found(data.imagingReference)),
});
