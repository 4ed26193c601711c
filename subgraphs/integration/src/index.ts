import type { Subgraph } from '@bridgework/kernel/subgraph';
import { serveControl } from './control/serve-control.ts';
import { resolvers } from './resolvers.ts';

export { claimUnmailedAlerts, finishMail, type UnmailedAlert } from './alerts/mail-alerts.ts';
export type { AuditEntry } from './audit/find-audit-entries.ts';
export {
  type Batch,
  type ClaimedEndpoint,
  claimBatch,
  type LeasedDelivery,
  type StoredBreaker,
} from './deliveries/claim-batch.ts';
export { payloadOf, type StoredEvent } from './deliveries/event-payload.ts';
export { type FanOut, fanOutEvents } from './deliveries/fan-out-events.ts';
export { type DeliveryHealth, readDeliveryHealth } from './deliveries/read-delivery-health.ts';
export {
  type AttemptResult,
  type BreakerChange,
  type Release,
  type Settlement,
  settleDeliveries,
} from './deliveries/settle-deliveries.ts';
export { type Payload, SECRET_PREFIX, signatureOf, signPayload } from './deliveries/signed-payload.ts';
export { sweepDeliveries } from './deliveries/sweep-deliveries.ts';
export { raiseDueAge, raiseRecoveries } from './deliveries/troubles.ts';
export { type BrokenContract, type Contract, findBroken, readContracts } from './documents/break-documents.ts';
export type { DocumentSet, PersistedDocument } from './documents/document-set.ts';
export { documentIdOf, type Manifest, type ManifestEntry, parseManifest } from './documents/manifest.ts';
export type { Registration } from './documents/register-document-set.ts';
export {
  activateVerifiedEndpoint,
  claimChallenges,
  recordFailedChallenge,
  type UnverifiedEndpoint,
} from './endpoints/verify-endpoint.ts';
export { currentGraph } from './graph.ts';
export type { Integration } from './integrations/integration.ts';
export { type ClaimedMessage, claimMessages, type MessageSubject } from './messages/claim-messages.ts';
export { MESSAGE_CHANNELS, type MessageChannel } from './messages/message.ts';
export { endOldMessages, planMessages } from './messages/plan-messages.ts';
export { raiseProviderFailing, raiseProviderRecovered } from './messages/provider-troubles.ts';
export { recordOptOut } from './messages/record-opt-out.ts';
export { type MessageVerdict, settleMessage } from './messages/settle-message.ts';
export { continueRedrive } from './redrives/continue-redrive.ts';
export type { IssuedToken } from './tokens/issue-token.ts';
export type { IntegrationToken } from './tokens/token.ts';

/** The registry: integrations, their tokens, documents and webhook endpoints; obeyed by gateways over its control routes. */
export const subgraph: Subgraph = { name: 'integration', resolvers, start: serveControl };
