import type { EventType } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { integrations, webhookEndpoints, webhookSubscriptions } from '../tables.ts';

/** A webhook endpoint as the graph shows it; its secrets are nowhere in it. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly integrationId: string;
  readonly url: string | null;
  readonly name: string;
  readonly status: 'PENDING_VERIFICATION' | 'ACTIVE' | 'PAUSED' | 'DISABLED';
  readonly eventTypes: readonly EventType[];
  readonly statusReason: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** Columns of a {@link WebhookEndpoint}, of endpoints joined with their integrations. */
export const endpointColumns = {
  id: webhookEndpoints.id,
  integrationId: integrations.id,
  url: webhookEndpoints.url,
  name: webhookEndpoints.name,
  status: webhookEndpoints.status,
  statusReason: webhookEndpoints.statusReason,
  createdBy: webhookEndpoints.createdBy,
  createdAt: webhookEndpoints.createdAt,
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
