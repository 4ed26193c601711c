import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  date,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';
import type { MESSAGE_STATUSES, MessageChannel } from './messages/message.ts';

/** Mirrors schema/migrations/*_integration.sql, which is the truth; constraints and triggers stand there alone. */
const integration = pgSchema('integration');

const key = () => bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity();
const reference = () => bigint({ mode: 'number' }).notNull();
const instant = () => timestamp({ withTimezone: true, precision: 3, mode: 'date' });
const createdAt = () => instant().notNull().defaultNow();
/** The month that a row is kept by; its event's. */
const eventMonth = () =>
  date({ mode: 'string' }).notNull().default(sql`date_trunc('month', now() at time zone 'UTC')::date`);
const publicId = (prefix: string) =>
  text()
    .notNull()
    .default(sql.raw(`base.new_id('${prefix}')`));
const texts = () => text().array().notNull().default([]);
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** MANUAL: a person approves every set. QUERIES: of queries inside what was approved before, nobody needs to. */
export const DOCUMENT_POLICIES = ['MANUAL', 'QUERIES'] as const;

export const DOCUMENT_STATUSES = [
  'DRAFT',
  'VALIDATED',
  'PENDING_APPROVAL',
  'APPROVED',
  'ACTIVE',
  'DEPRECATED',
  'RETIRED',
  'REJECTED',
  'BROKEN',
] as const;

export const controlState = integration.table('control_state', {
  onlyRow: boolean().primaryKey().default(true),
  generation: bigint({ mode: 'number' }).notNull().default(1),
  changedAt: createdAt(),
  allPausedAt: instant(),
  allPausedReason: text(),
  allPausedBy: text(),
  singleManager: boolean().notNull().default(false),
  singleManagerSince: instant(),
});

export const integrations = integration.table('integrations', {
  key: key(),
  id: publicId('int'),
  name: text().notNull(),
  purpose: text().notNull(),
  status: text({ enum: ['DRAFT', 'SUBMITTED', 'ACTIVE', 'PAUSED', 'DEPRECATED', 'REJECTED'] })
    .notNull()
    .default('DRAFT'),
  businessJustification: text(),
  dataScope: text(),
  riskAssessment: text(),
  internalOwner: text(),
  reviewEveryMonths: smallint(),
  reviewDueOn: date({ mode: 'string' }),
  contactEmail: text(),
  requestedScopes: texts(),
  approvedScopes: texts(),
  declaredApis: texts(),
  declaredEvents: texts(),
  allowedImageHosts: texts(),
  adHoc: boolean().notNull().default(false),
  documentPolicy: text({ enum: DOCUMENT_POLICIES }).notNull().default('MANUAL'),
  pauseReason: text(),
  createdBy: text().notNull(),
  createdAt: createdAt(),
  submittedBy: text(),
  submittedAt: instant(),
  decidedBy: text(),
  decidedAt: instant(),
  decisionReason: text(),
  updatedAt: createdAt(),
  singleManager: boolean().notNull().default(false),
  /** Given with each change of a draft; the database files it under editedBy and empties it. */
  editingBy: text(),
  editedBy: texts(),
  pausedBy: text(),
  endReason: text(),
  reviewedBy: text(),
  reviewedAt: instant(),
  reviewNote: text(),
});

export const approvals = integration.table('approvals', {
  key: key(),
  id: publicId('apr'),
  integrationKey: reference(),
  kind: text({ enum: ['INTEGRATION', 'SCOPE', 'DOCUMENT_SET'] }).notNull(),
  scope: text(),
  documentSetId: text(),
  status: text({ enum: ['PENDING', 'APPROVED', 'REJECTED', 'WITHDRAWN'] })
    .notNull()
    .default('PENDING'),
  justification: text().notNull(),
  requestedBy: text().notNull(),
  requestedAt: createdAt(),
  decidedBy: text(),
  decidedAt: instant(),
  decisionReason: text(),
  expiresAt: instant(),
  singleManager: boolean().notNull().default(false),
  withdrawnBy: text(),
  withdrawnAt: instant(),
  withdrawnReason: text(),
});

export const tokens = integration.table('tokens', {
  key: key(),
  id: publicId('tok'),
  integrationKey: reference(),
  name: text().notNull(),
  publicId: text().notNull(),
  secretHash: text().notNull(),
  pepperId: text().notNull(),
  environment: text({ enum: ['sandbox', 'production'] }).notNull(),
  scopes: texts(),
  status: text({ enum: ['ACTIVE', 'REVOKED'] })
    .notNull()
    .default('ACTIVE'),
  expiresAt: instant(),
  allowedCidrs: texts(),
  rotatedFromKey: bigint({ mode: 'number' }),
  createdBy: text().notNull(),
  createdAt: createdAt(),
  revokedBy: text(),
  revokedAt: instant(),
  revokedReason: text(),
});

export const tokenUses = integration.table(
  'token_uses',
  {
    tokenKey: reference(),
    operation: text().notNull(),
    useCount: bigint({ mode: 'number' }).notNull().default(0),
    lastUsedAt: instant().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tokenKey, table.operation] })],
);

export const documentSets = integration.table('document_sets', {
  key: key(),
  id: publicId('set'),
  integrationKey: reference(),
  name: text().notNull(),
  version: integer().notNull(),
  format: text().notNull(),
  contentSha256: text().notNull(),
  documentCount: integer().notNull().default(1),
  submittedBy: texts(),
  status: text({ enum: DOCUMENT_STATUSES }).notNull().default('DRAFT'),
  supergraphSha256: text().notNull(),
  registeredBy: text().notNull(),
  registeredAt: createdAt(),
  decidedBy: text(),
  decidedAt: instant(),
  decisionReason: text(),
  singleManager: boolean().notNull().default(false),
  approvedByPolicy: boolean().notNull().default(false),
  activationRequestedBy: text(),
  activationRequestedAt: instant(),
  activatedBy: text(),
  activatedAt: instant(),
});

export const documents = integration.table('documents', {
  key: key(),
  id: publicId('doc'),
  documentSetKey: reference(),
  integrationKey: reference(),
  hash: text().notNull(),
  name: text().notNull(),
  operationType: text({ enum: ['query', 'mutation'] }).notNull(),
  text: text().notNull(),
  aliases: texts(),
  status: text({ enum: DOCUMENT_STATUSES }).notNull().default('DRAFT'),
  analysis: jsonb().notNull().default({}),
  compiledAt: instant(),
  compileError: text(),
  createdAt: createdAt(),
  brokenAt: instant(),
  brokenBecause: texts(),
  retiredAt: instant(),
  retiredBy: text(),
  retiredReason: text(),
});

export const documentUses = integration.table(
  'document_uses',
  {
    documentKey: reference(),
    tokenKey: reference(),
    useCount: bigint({ mode: 'number' }).notNull().default(0),
    lastUsedAt: instant().notNull(),
  },
  (table) => [primaryKey({ columns: [table.documentKey, table.tokenKey] })],
);

export const controlReports = integration.table('control_reports', {
  batchId: text().primaryKey(),
  gatewayId: text().notNull(),
  appliedAt: createdAt(),
});

export const restRequests = integration.table('rest_requests', {
  key: key(),
  id: text().notNull(),
  integrationKey: reference(),
  tokenKey: reference(),
  method: text().notNull(),
  route: text().notNull(),
  status: smallint().notNull(),
  problem: text(),
  receivedAt: instant().notNull(),
  durationMs: integer().notNull(),
});

export const webhookEndpoints = integration.table('webhook_endpoints', {
  key: key(),
  id: publicId('whe'),
  integrationKey: reference(),
  name: text().notNull(),
  url: text(),
  mode: text({ enum: ['SNAPSHOT', 'THIN'] })
    .notNull()
    .default('SNAPSHOT'),
  ordering: text({ enum: ['BEST_EFFORT', 'ENTITY'] })
    .notNull()
    .default('BEST_EFFORT'),
  status: text({ enum: ['PENDING_VERIFICATION', 'ACTIVE', 'PAUSED', 'DISABLED'] })
    .notNull()
    .default('PENDING_VERIFICATION'),
  statusReason: text(),
  maxInFlight: smallint().notNull().default(4),
  timeoutMs: integer().notNull().default(10_000),
  retryScheduleSeconds: integer().array(),
  lastSeq: bigint({ mode: 'number' }).notNull().default(0),
  firstActiveAt: instant(),
  verifiedAt: instant(),
  verificationAttempts: integer().notNull().default(0),
  verificationNextAt: createdAt(),
  verificationGivenUpAt: instant(),
  urlSetBy: text(),
  urlSetAt: createdAt(),
  approvedBy: text(),
  approvalNote: text(),
  troubledSince: instant(),
  skipBefore: instant(),
  skipDecidedAt: instant(),
  breakerState: text({ enum: ['CLOSED', 'OPEN', 'HALF_OPEN'] })
    .notNull()
    .default('CLOSED'),
  breakerOpenedAt: instant(),
  breakerRetryAt: instant(),
  breakerOpenings: integer().notNull().default(0),
  breakerProbeSuccesses: smallint().notNull().default(0),
  consecutiveFailures: integer().notNull().default(0),
  version: integer().notNull().default(1),
  createdBy: text().notNull(),
  createdAt: createdAt(),
  updatedAt: createdAt(),
  deletedAt: instant(),
});

export const webhookSecrets = integration.table('webhook_secrets', {
  key: key(),
  endpointKey: reference(),
  sealed: bytes().notNull(),
  keyId: text().notNull(),
  createdAt: createdAt(),
  expiresAt: instant(),
});

export const webhookSubscriptions = integration.table(
  'webhook_subscriptions',
  { endpointKey: reference(), eventType: text().notNull(), createdAt: createdAt() },
  (table) => [primaryKey({ columns: [table.endpointKey, table.eventType] })],
);

export const deliveries = integration.table('deliveries', {
  key: key(),
  id: publicId('dlv'),
  eventId: text().notNull(),
  eventType: text().notNull(),
  entityId: text().notNull(),
  endpointKey: reference(),
  seq: bigint({ mode: 'number' }).notNull(),
  state: text({ enum: ['PENDING', 'LEASED', 'DELIVERED', 'DEAD', 'HELD'] })
    .notNull()
    .default('PENDING'),
  nextAt: createdAt(),
  attempts: integer().notNull().default(0),
  generation: integer().notNull().default(1),
  leaseToken: uuid(),
  leaseExpiresAt: instant(),
  crashes: smallint().notNull().default(0),
  deadReason: text(),
  deliveredAt: instant(),
  createdAt: createdAt(),
  updatedAt: createdAt(),
  eventMonth: eventMonth(),
});

export const deliveryAttempts = integration.table('delivery_attempts', {
  key: key(),
  deliveryKey: reference(),
  endpointKey: reference(),
  generation: integer().notNull(),
  number: integer().notNull(),
  leaseToken: uuid().notNull(),
  startedAt: instant().notNull(),
  durationMs: integer().notNull(),
  outcome: text().notNull(),
  httpStatus: smallint(),
  error: text(),
  responsePrefix: text(),
  createdAt: createdAt(),
  eventMonth: eventMonth(),
});

export const coreEventRequests = integration.table('core_event_requests', {
  key: key(),
  id: publicId('req'),
  eventType: text().notNull(),
  requestedBy: text().notNull(),
  integrationId: text(),
  status: text({ enum: ['PENDING', 'DONE', 'FAILED'] })
    .notNull()
    .default('PENDING'),
  entityId: text(),
  error: text(),
  createdAt: createdAt(),
  finishedAt: instant(),
});

export const alerts = integration.table('alerts', {
  key: key(),
  id: publicId('alr'),
  kind: text().notNull(),
  entity: text().notNull(),
  entityId: text().notNull(),
  detail: text().notNull(),
  raisedAt: createdAt(),
  notifiedAt: instant(),
  acknowledgedAt: instant(),
  acknowledgedBy: text(),
});

export const messages = integration.table('messages', {
  key: key(),
  id: publicId('msg'),
  channel: text().$type<MessageChannel>().notNull(),
  template: text().notNull(),
  locale: text().notNull(),
  entity: text().notNull(),
  entityId: text().notNull(),
  patientId: text().notNull(),
  entityVersion: text().notNull(),
  recipientMasked: text(),
  status: text().$type<(typeof MESSAGE_STATUSES)[number]>().notNull().default('QUEUED'),
  statusReason: text(),
  provider: text(),
  providerMessageId: text(),
  segments: smallint(),
  attempts: smallint().notNull().default(0),
  unclearAttempts: smallint().notNull().default(0),
  sendAt: instant().notNull().defaultNow(),
  sendUntil: instant().notNull(),
  sentAt: instant(),
  createdAt: createdAt(),
  updatedAt: createdAt(),
});

export const redrives = integration.table('redrives', {
  key: key(),
  id: publicId('rdr'),
  integrationKey: bigint({ mode: 'number' }),
  endpointKey: bigint({ mode: 'number' }),
  eventType: text(),
  createdFrom: instant(),
  createdTo: instant(),
  includeDelivered: boolean().notNull().default(false),
  deliveryIds: text().array(),
  perSecond: integer().notNull().default(500),
  status: text({ enum: ['RUNNING', 'DONE', 'CANCELLED'] })
    .notNull()
    .default('RUNNING'),
  matchedCount: bigint({ mode: 'number' }).notNull(),
  replayedCount: bigint({ mode: 'number' }).notNull().default(0),
  doneUntilKey: bigint({ mode: 'number' }).notNull().default(0),
  lastKey: bigint({ mode: 'number' }).notNull(),
  requestedBy: text().notNull(),
  createdAt: createdAt(),
  updatedAt: createdAt(),
  finishedAt: instant(),
});
