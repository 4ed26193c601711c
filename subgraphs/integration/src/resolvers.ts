import type { Context } from '@bridgework/kernel/context';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { findAuditEntries } from './audit/find-audit-entries.ts';
import { verifyAuditLog } from './audit/verify-audit-log.ts';
import { describeCaller } from './callers/describe-caller.ts';
import { requestCoreEvent } from './core-events/request-core-event.ts';
import { type Delivery, findDeadLetters, findDeliveries, loadAttempts } from './deliveries/find-deliveries.ts';
import { readWebhookEvents } from './deliveries/read-webhook-events.ts';
import { activateDocumentSet, approveDocumentSet, rejectDocumentSet } from './documents/decide-document-set.ts';
import type { DocumentSet, PersistedDocument } from './documents/document-set.ts';
import {
  countDocuments,
  findDocumentSets,
  findDocuments,
  findPersistedDocument,
  lastUseOfDocument,
} from './documents/find-documents.ts';
import { registerDocumentSet } from './documents/register-document-set.ts';
import { createWebhookEndpoint } from './endpoints/create-webhook-endpoint.ts';
import { findWebhookEndpoints } from './endpoints/find-webhook-endpoints.ts';
import { approveIntegration, rejectIntegration } from './integrations/decide-integration.ts';
import { findIntegrations, loadApprovals, loadIntegration } from './integrations/find-integrations.ts';
import type { Integration } from './integrations/integration.ts';
import { pauseIntegration, resumeIntegration } from './integrations/pause-integration.ts';
import { registerIntegration } from './integrations/register-integration.ts';
import { submitIntegration } from './integrations/submit-integration.ts';
import { updateIntegration } from './integrations/update-integration.ts';
import { resolveAppointment, resolveImagingReference, resolveIntegration, resolveOwn } from './references.ts';
import { findTokens, lastUseOfToken } from './tokens/find-tokens.ts';
import { issueToken } from './tokens/issue-token.ts';
import { revokeToken } from './tokens/revoke-token.ts';
import type { IntegrationToken } from './tokens/token.ts';
import { findObservedOperations } from './uses/find-observed-operations.ts';

/** A root field: its arguments go to one domain function, which parses them. */
const call =
  <Result>(run: (ctx: Context, args: unknown) => Promise<Result>) =>
  (_: never, args: unknown, ctx: Context): Promise<Result> =>
    run(ctx, args);

export const resolvers: Resolvers = {
  Query: {
    me: call(describeCaller),
    integrations: call(findIntegrations),
    integration: (_: never, { id }: { id: string }, ctx) => loadIntegration(ctx, id),
    documentSets: call(findDocumentSets),
    persistedDocument: call(findPersistedDocument),
    auditEntries: call(findAuditEntries),
    verifyAuditLog: call(verifyAuditLog),
    observedOperations: call(findObservedOperations),
    webhookEndpoints: call(findWebhookEndpoints),
    webhookEvents: call(readWebhookEvents),
    deliveries: call(findDeliveries),
    deadLetters: call(findDeadLetters),
  },
  Mutation: {
    registerIntegration: call(registerIntegration),
    updateIntegration: call(updateIntegration),
    submitIntegration: call(submitIntegration),
    approveIntegration: call(approveIntegration),
    rejectIntegration: call(rejectIntegration),
    pauseIntegration: call(pauseIntegration),
    resumeIntegration: call(resumeIntegration),
    issueToken: call(issueToken),
    revokeToken: call(revokeToken),
    registerDocumentSet: call(registerDocumentSet),
    approveDocumentSet: call(approveDocumentSet),
    rejectDocumentSet: call(rejectDocumentSet),
    activateDocumentSet: call(activateDocumentSet),
    simulateCoreEvent: call(requestCoreEvent),
    createWebhookEndpoint: call(createWebhookEndpoint),
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
  },
  IntegrationToken: {
    lastUsedAt: ({ key }: IntegrationToken, _: unknown, ctx) => lastUseOfToken(ctx, key),
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
  },
};
