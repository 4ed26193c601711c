import type { Context } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import type { EventType } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { secretsOf } from '../secrets.ts';
import { integrations, webhookEndpoints, webhookSecrets, webhookSubscriptions } from '../tables.ts';

/** A webhook endpoint as the graph shows it; its secrets are nowhere in it. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly integrationId: string;
  readonly url: string | null;
  readonly name: string;
  readonly status: 'PENDING_VERIFICATION' | 'ACTIVE' | 'PAUSED' | 'DISABLED';
  readonly eventTypes: readonly EventType[];
  readonly mode: 'SNAPSHOT' | 'THIN';
  readonly ordering: 'BEST_EFFORT' | 'ENTITY';
  readonly maxInFlight: number;
  readonly timeoutMs: number;
  readonly retryScheduleSeconds: readonly number[] | null;
  readonly version: number;
  readonly statusReason: string | null;
  readonly breakerState: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  readonly verifiedAt: Date | null;
  readonly verificationAttempts: number;
  /** Null when nothing is to be asked: it is verified, given up, or has no URL. */
  readonly nextVerificationAt: Date | null;
  readonly approvedBy: string | null;
  readonly approvalNote: string | null;
  readonly liveSecretCount: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Columns of a {@link WebhookEndpoint}, of endpoints joined with their integrations. */
export const endpointColumns = {
  id: webhookEndpoints.id,
  integrationId: integrations.id,
  url: webhookEndpoints.url,
  name: webhookEndpoints.name,
  status: webhookEndpoints.status,
  mode: webhookEndpoints.mode,
  ordering: webhookEndpoints.ordering,
  maxInFlight: webhookEndpoints.maxInFlight,
  timeoutMs: webhookEndpoints.timeoutMs,
  retryScheduleSeconds: webhookEndpoints.retryScheduleSeconds,
  version: webhookEndpoints.version,
  statusReason: webhookEndpoints.statusReason,
  breakerState: webhookEndpoints.breakerState,
  verifiedAt: webhookEndpoints.verifiedAt,
  verificationAttempts: webhookEndpoints.verificationAttempts,
  nextVerificationAt: sql<Date | null>`case when ${webhookEndpoints.status} = 'PENDING_VERIFICATION'
    and ${webhookEndpoints.verifiedAt} is null and ${webhookEndpoints.verificationGivenUpAt} is null
    then ${webhookEndpoints.verificationNextAt} end`.mapWith((value: string | null) =>
    value === null ? null : new Date(value),
  ),
  approvedBy: webhookEndpoints.approvedBy,
  approvalNote: webhookEndpoints.approvalNote,
  liveSecretCount: sql<number>`(
    select count(*)::integer from ${webhookSecrets} s
    where s.endpoint_key = ${webhookEndpoints.key} and (s.expires_at is null or s.expires_at > now())
  )`,
  createdBy: webhookEndpoints.createdBy,
  createdAt: webhookEndpoints.createdAt,
  updatedAt: webhookEndpoints.updatedAt,
  eventTypes: sql<EventType[]>`(
    select coalesce(jsonb_agg(s.event_type order by s.event_type), '[]')
    from ${webhookSubscriptions} s where s.endpoint_key = ${webhookEndpoints.key}
  )`,
};

const LOCAL_NAME = /^[^.]+$|\.(local|internal|localhost)$/;

/**
 * What is wrong with a receiver's URL by its look; null when nothing is. Where it leads is judged when something is
 * sent, by the workers' egress guard, and again each time: a name can be moved.
 */
export function urlFault(text: string, environment: 'sandbox' | 'production'): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'is neither https nor http';
  if (url.username !== '' || url.password !== '') return 'carries a user name';
  if (url.hash !== '') return 'carries a fragment';
  if (environment === 'sandbox') return null;
  if (url.protocol !== 'https:') return 'is not https';
  return LOCAL_NAME.test(url.hostname) ? 'names a local host' : null;
}

/** Throws VALIDATION_FAILED. */
export function demandUsableUrl(ctx: Context, url: string | undefined): void {
  const fault = url === undefined ? null : urlFault(url, secretsOf(ctx).environment);
  if (fault === null) return;
  throw new DomainError('VALIDATION_FAILED', {
    errors: [{ pointer: '/input/url', code: 'unusable-url', detail: `The URL ${fault}.` }],
  });
}
