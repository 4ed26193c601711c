import { type Environment, EVENT_API_VERSION, isEventType, projectEvent, thinData } from '@bridgework/schema';
import { maySeeAmounts } from './authority.ts';
import type { Payload } from './signed-payload.ts';

/** An event as `outbox.events` holds it. */
export interface StoredEvent {
  readonly eventId: string;
  readonly eventType: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly occurredAt: Date;
  readonly data: unknown;
  /** It was made to try an endpoint; nothing in it is real. */
  readonly isTest: boolean;
}

/** Who is told, and how. */
export interface PayloadView {
  readonly scopes: readonly string[];
  readonly environment: Environment;
  readonly mode: 'SNAPSHOT' | 'THIN';
}

/** What an integration with these scopes gets of an event. Throws when the stored data breaks the event's contract. */
export function payloadOf(event: StoredEvent, { scopes, environment, mode }: PayloadView): Payload {
  if (!isEventType(event.eventType)) throw new Error(`There is no contract for the event ${event.eventType}.`);
  const snapshot = projectEvent(event.eventType, event.data, { financials: maySeeAmounts(scopes) });
  return {
    api_version: EVENT_API_VERSION,
    data: mode === 'THIN' ? { ...thinData(event.eventType, event.entityId) } : snapshot,
    entity_id: event.entityId,
    entity_type: event.entityType,
    event_id: event.eventId,
    event_type: event.eventType,
    livemode: environment === 'production' && !event.isTest,
    occurred_at: event.occurredAt.toISOString(),
  };
}
