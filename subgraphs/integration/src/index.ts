export { type Payload, SECRET_PREFIX, signatureOf, signPayload } from './deliveries/signed-payload.ts';
