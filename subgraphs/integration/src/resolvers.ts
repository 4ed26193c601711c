import type { Context } from '@bridgework/kernel/context';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { acknowledgeAlert } from './alerts/acknowledge-alert.ts';
import { findAlerts } from './alerts/find-alerts.ts';
import { loadApprovals } from './approvals/find-approvals.ts';
import { findAuditEntries } from './audit/find-audit-entries.ts';
import { verifyAuditLog } from './audit/verify-audit-log.ts';
import { describeCaller } from './callers/describe-caller.ts';
import { requestCoreEvent, simulateCoreEvent } from './core-events/request-core-event.ts';
import {
  type Delivery,
  findDeadLetters,
  findDeliveries,
  findOwnDeliveries,
  findOwnDelivery,
  loadAttempts,
} from './deliveries/find-deliveries.ts';
import { readWebhookEvents } from './deliveries/read-webhook-events.ts';
import { replayOwnDelivery } from './deliveries/replay-delivery.ts';
import { activateDocumentSet } from './documents/activate-document-set.ts';
import { approveDocumentSet, rejectDocumentSet } from './documents/decide-document-set.ts';
import { newsOfDocument, ownerOfDocument, summariseDocument, usesOfDocument } from './documents/describe-document.ts';
import type { DocumentSet, PersistedDocument } from './documents/document-set.ts';
import {
  countDocuments,
  findDocumentSets,
  findDocuments,
  findPersistedDocument,
  lastUseOfDocument,
} from './documents/find-documents.ts';
import { findBrokenDocuments, listDocuments } from './documents/list-documents.ts';
import { registerDocumentSet } from './documents/register-document-set.ts';
import { deprecateDocument, retireDocument } from './documents/retire-document.ts';
import { approveWebhookEndpoint } from './endpoints/approve-webhook-endpoint.ts';
import { createOwnWebhookEndpoint, createWebhookEndpoint } from './endpoints/create-webhook-endpoint.ts';
import { deleteOwnWebhookEndpoint, deleteWebhookEndpoint } from './endpoints/delete-webhook-endpoint.ts';
import {
  findOwnWebhookEndpoint,
  findOwnWebhookEndpoints,
  findWebhookEndpoints,
} from './endpoints/find-webhook-endpoints.ts';
import { pauseWebhookEndpoint, resumeWebhookEndpoint } from './endpoints/pause-webhook-endpoint.ts';
import { rotateOwnWebhookSecret, rotateWebhookSecret } from './endpoints/rotate-webhook-secret.ts';
import { sendTestEvent, testOwnWebhookEndpoint } from './endpoints/send-test-event.ts';
import { updateOwnWebhookEndpoint, updateWebhookEndpoint } from './endpoints/update-webhook-endpoint.ts';
import { describeHealth } from './health/describe-health.ts';
import { completeIntegrationReview } from './integrations/complete-review.ts';
import { approveIntegration, rejectIntegration } from './integrations/decide-integration.ts';
import { deprecateIntegration } from './integrations/deprecate-integration.ts';
import { findIntegration, findIntegrations } from './integrations/find-integrations.ts';
import type { Integration } from './integrations/integration.ts';
import { pauseAllIntegrations, resumeAllIntegrations } from './integrations/pause-all-integrations.ts';
import { pauseIntegration, resumeIntegration } from './integrations/pause-integration.ts';
import { registerIntegration } from './integrations/register-integration.ts';
import { submitIntegration } from './integrations/submit-integration.ts';
import { updateIntegration } from './integrations/update-integration.ts';
import { auditingShape } from './manager-step.ts';
import { findMessages } from './messages/find-messages.ts';
import { cancelRedrive, findRedrives } from './redrives/find-redrives.ts';
import { replayDeliveries } from './redrives/replay-deliveries.ts';
import { resolveAppointment, resolveImagingReference, resolveIntegration, resolveOwn } from './references.ts';
import { findOwnRequests } from './requests/find-own-requests.ts';
import { approveScope, rejectScope } from './scopes/decide-scope.ts';
import { requestScope } from './scopes/request-scope.ts';
import { withdrawScope } from './scopes/withdraw-scope.ts';
import { findTokens, lastUseOfToken, predecessorOf } from './tokens/find-tokens.ts';
import { issueToken } from './tokens/issue-token.ts';
import { revokeToken } from './tokens/revoke-token.ts';
import { rotateToken } from './tokens/rotate-token.ts';
import type { IntegrationToken } from './tokens/token.ts';
import { compareUses } from './uses/compare-uses.ts';
import { findObservedOperations } from './uses/find-observed-operations.ts';

/** A root field: its arguments go to one domain function, which parses them. */
const call =
  <Result>(run: (ctx: Context, args: unknown) => Promise<Result>) =>
  (_: never, args: unknown, ctx: Context): Promise<Result> =>
    run(ctx, args);

/** As {@link call}, for a manager's mutation; `action` and `entity` are what its step is audited under. */
const step =
  <Result>(action: string, entity: string, run: (ctx: Context, args: unknown) => Promise<Result>) =>
  (_: never, args: unknown, ctx: Context): Promise<Result> =>
    auditingShape(ctx, { action, entity }, args, () => run(ctx, args));

export const resolvers: Resolvers = {
  Query: {
    me: call(describeCaller),
    integrations: call(findIntegrations),
    integration: call(findIntegration),
    documentSets: call(findDocumentSets),
    persistedDocument: call(findPersistedDocument),
    persistedDocuments: call(listDocuments),
    brokenDocuments: call(findBrokenDocuments),
    auditEntries: call(findAuditEntries),
    verifyAuditLog: call(verifyAuditLog),
    observedOperations: call(findObservedOperations),
    webhookEndpoints: call(findWebhookEndpoints),
    ownWebhookEndpoints: call(findOwnWebhookEndpoints),
    ownWebhookEndpoint: call(findOwnWebhookEndpoint),
    ownDeliveries: call(findOwnDeliveries),
    ownDelivery: call(findOwnDelivery),
    ownRequests: call(findOwnRequests),
    webhookEvents: call(readWebhookEvents),
    deliveries: call(findDeliveries),
    deadLetters: call(findDeadLetters),
    alerts: call(findAlerts),
    messages: call(findMessages),
    systemHealth: call(describeHealth),
    redrives: call(findRedrives),
  },
  Mutation: {
    registerIntegration: step('integration.register', 'integration', registerIntegration),
    updateIntegration: step('integration.update', 'integration', updateIntegration),
    submitIntegration: step('integration.submit', 'integration', submitIntegration),
    approveIntegration: step('integration.approve', 'integration', approveIntegration),
    rejectIntegration: step('integration.reject', 'integration', rejectIntegration),
    pauseIntegration: step('integration.pause', 'integration', pauseIntegration),
    resumeIntegration: step('integration.resume', 'integration', resumeIntegration),
    deprecateIntegration: step('integration.deprecate', 'integration', deprecateIntegration),
    completeIntegrationReview: step('integration.review', 'integration', completeIntegrationReview),
    pauseAllIntegrations: step('integration.pause_all', 'system', pauseAllIntegrations),
    resumeAllIntegrations: step('integration.resume_all', 'system', resumeAllIntegrations),
    requestScope: step('scope.request', 'approval', requestScope),
    approveScope: step('scope.approve', 'approval', approveScope),
    rejectScope: step('scope.reject', 'approval', rejectScope),
    withdrawScope: step('scope.withdraw', 'scope', withdrawScope),
    issueToken: step('token.issue', 'token', issueToken),
    rotateToken: step('token.rotate', 'token', rotateToken),
    acknowledgeAlert: step('alert.acknowledge', 'alert', acknowledgeAlert),
    revokeToken: step('token.revoke', 'token', revokeToken),
    registerDocumentSet: step('document_set.register', 'document_set', registerDocumentSet),
    approveDocumentSet: step('document_set.approve', 'document_set', approveDocumentSet),
    rejectDocumentSet: step('document_set.reject', 'document_set', rejectDocumentSet),
    activateDocumentSet: step('document_set.activate', 'document_set', activateDocumentSet),
    simulateCoreEvent: step('event.simulate', 'core_event_request', simulateCoreEvent),
    requestCoreEvent: step('event.simulate', 'core_event_request', requestCoreEvent),
    deprecateDocument: step('document.deprecate', 'document', deprecateDocument),
    retireDocument: step('document.retire', 'document', retireDocument),
    createWebhookEndpoint: step('webhook_endpoint.create', 'webhook_endpoint', createWebhookEndpoint),
    updateWebhookEndpoint: step('webhook_endpoint.update', 'webhook_endpoint', updateWebhookEndpoint),
    approveWebhookEndpoint: step('webhook_endpoint.approve', 'webhook_endpoint', approveWebhookEndpoint),
    rotateWebhookSecret: step('webhook_endpoint.rotate_secret', 'webhook_endpoint', rotateWebhookSecret),
    pauseWebhookEndpoint: step('webhook_endpoint.pause', 'webhook_endpoint', pauseWebhookEndpoint),
    resumeWebhookEndpoint: step('webhook_endpoint.resume', 'webhook_endpoint', resumeWebhookEndpoint),
    deleteWebhookEndpoint: step('webhook_endpoint.delete', 'webhook_endpoint', deleteWebhookEndpoint),
    replayDeliveries: step('webhook.redrive', 'redrive', replayDeliveries),
    cancelRedrive: step('webhook.cancel_redrive', 'redrive', cancelRedrive),
    sendTestEvent: step('webhook_endpoint.test', 'delivery', sendTestEvent),
    createOwnWebhookEndpoint: step('webhook_endpoint.create', 'webhook_endpoint', createOwnWebhookEndpoint),
    updateOwnWebhookEndpoint: step('webhook_endpoint.update', 'webhook_endpoint', updateOwnWebhookEndpoint),
    deleteOwnWebhookEndpoint: step('webhook_endpoint.delete', 'webhook_endpoint', deleteOwnWebhookEndpoint),
    rotateOwnWebhookSecret: step('webhook_endpoint.rotate_secret', 'webhook_endpoint', rotateOwnWebhookSecret),
    testOwnWebhookEndpoint: step('webhook_endpoint.test', 'delivery', testOwnWebhookEndpoint),
    replayOwnDelivery: step('webhook.replay', 'delivery', replayOwnDelivery),
  },
  Appointment: {
    __resolveReference: resolveAppointment,
    importedBy: ({ importedByIntegrationId }: { importedByIntegrationId?: string | null }, _: unknown, ctx) =>
      resolveOwn(ctx, importedByIntegrationId),
  },
  ImagingReference: {
    __resolveReference: resolveImagingReference,
    submittedBy: ({ submittedByIntegrationId }: { submittedByIntegrationId?: string | null }, _: unknown, ctx) =>
      resolveOwn(ctx, submittedByIntegrationId),
  },
  Integration: {
    __resolveReference: resolveIntegration,
    approvals: ({ key }: Integration, _: unknown, ctx) => loadApprovals(ctx, key),
    tokens: (integration: Integration, args: unknown, ctx) => findTokens(ctx, integration, args),
    uses: (integration: Integration, _: unknown, ctx) => compareUses(ctx, integration),
  },
  IntegrationToken: {
    lastUsedAt: ({ key }: IntegrationToken, _: unknown, ctx) => lastUseOfToken(ctx, key),
    rotatedFrom: (token: IntegrationToken, _: unknown, ctx) => predecessorOf(ctx, token),
  },
  Delivery: {
    attempts: ({ key }: Delivery, _: unknown, ctx) => loadAttempts(ctx, key),
  },
  DocumentSet: {
    documentCount: (set: DocumentSet, _: unknown, ctx) => countDocuments(ctx, set),
    documents: (set: DocumentSet, args: unknown, ctx) => findDocuments(ctx, set, args),
  },
  PersistedDocument: {
    lastUsedAt: (document: PersistedDocument, _: unknown, ctx) => lastUseOfDocument(ctx, document),
    integrationName: async (document: PersistedDocument, _: unknown, ctx) =>
      (await ownerOfDocument(ctx, document))?.name,
    internalOwner: async (document: PersistedDocument, _: unknown, ctx) =>
      (await ownerOfDocument(ctx, document))?.owner,
    summary: (document: PersistedDocument, _: unknown, ctx) => summariseDocument(ctx, document),
    news: (document: PersistedDocument, _: unknown, ctx) => newsOfDocument(ctx, document),
    uses: (document: PersistedDocument, _: unknown, ctx) => usesOfDocument(ctx, document),
  },
};
