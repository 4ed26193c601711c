import { idArgument, lineArgument, parseArguments } from '@bridgework/kernel/arguments';
import { DomainError } from '@bridgework/kernel/errors';
import { z } from 'zod';
import { metadataInput } from '../metadata.ts';
import { findBytes } from './find-bytes.ts';

/** DICOM PS3.5 §9.1: up to 64 characters, components without leading zeros. */
const uid = z
  .string()
  .max(64)
  .regex(/^[0-2](\.(0|[1-9][0-9]*))+$/, 'is no DICOM UID');

const MAX_URI_CHARACTERS = 2_048;
const FUTURE_MARGIN_MS = 5 * 60_000;

const imagingInput = z.strictObject({
  patientId: idArgument,
  visitId: idArgument.nullish().transform((id) => id ?? null),
  studyInstanceUid: uid,
  seriesInstanceUid: uid,
  sopInstanceUid: uid,
  modality: z.enum(['IO', 'PX', 'CT', 'XC', 'DX', 'OT']),
  takenAt: z.date(),
  uri: lineArgument(MAX_URI_CHARACTERS),
  contentType: z
    .string()
    .max(100)
    .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/, 'is no media type'),
  byteSize: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256 in lower-case hex'),
  device: lineArgument(100)
    .nullish()
    .transform((device) => device ?? null),
  metadata: metadataInput,
});

export type AddImagingReference = z.output<typeof imagingInput> & {
  /** Of the uri; whether the clinic approved it is not judged here. */
  readonly host: string;
};

/** All of it, as JSON: a reference is small, an image is not. */
const MAX_CHARACTERS = 16 * 1024;

/**
 * A reference to an image whose shape is right and which carries no image.
 *
 * @throws DomainError VALIDATION_FAILED, or PAYLOAD_TOO_LARGE for bytes; naming places and never values.
 */
export function parseImaging(input: unknown, now: Date): AddImagingReference {
  demandNoBytes(input);
  const reference = parseArguments(imagingInput, input);
  if (reference.takenAt.getTime() > now.getTime() + FUTURE_MARGIN_MS) {
    throw refused('/takenAt', 'in-future', 'An image was taken before it is referred to.');
  }
  return { ...reference, host: hostOf(reference.uri) };
}

function demandNoBytes(input: unknown): void {
  const places = findBytes(input);
  if (places.length === 0 && JSON.stringify(input ?? null).length <= MAX_CHARACTERS) return;
  throw new DomainError('PAYLOAD_TOO_LARGE', {
    detail: 'Send where the image lies, never the image.',
    errors: places.map((pointer) => ({ pointer, code: 'image-bytes', detail: 'Send no bytes of the image.' })),
  });
}

function hostOf(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : null;
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw refused('/uri', 'bad-uri', 'Give an https address without user name, password or fragment.');
  }
  // What a reader sees and what a browser makes of it must be the same address.
  if (url.href !== uri) throw refused('/uri', 'bad-uri', 'Give the address in its normal form (WHATWG URL).');
  return url.hostname;
}

const refused = (pointer: string, code: string, detail: string): DomainError =>
  new DomainError('VALIDATION_FAILED', { errors: [{ pointer, code, detail }] });
