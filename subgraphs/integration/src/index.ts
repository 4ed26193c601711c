export { type Payload, SECRET_PREFIX, signatureOf, signPayload } from './deliveries/signed-payload.ts';
export { documentIdOf, type Manifest, type ManifestEntry, parseManifest } from './documents/manifest.ts';
export { type Analysis, type DocumentFault, type Examination, examineDocument } from './graph-analysis.ts';
