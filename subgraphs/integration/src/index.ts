export { type Payload, SECRET_PREFIX, signatureOf, signPayload } from './deliveries/signed-payload.ts';
export { documentIdOf, type Manifest, type ManifestEntry, parseManifest } from './documents/manifest.ts';
