import { type Environment, EVENT_API_VERSION, isEventType, projectEvent } from '@bridgework/schema';
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
}

/** What an integration with these scopes gets of an event. Throws when the stored data breaks the event's contract. */
export function payloadOf(event: StoredEvent, scopes: readonly string[], environment: Environment): Payload {
  if (!isEventType(event.eventType)) throw new Error(`There is no contract for the event ${event.eventType}.`);
  return {
    api_version: EVENT_API_VERSION,
    data: projectEvent(event.eventType, event.data, { financials: maySeeAmounts(scopes) }),
    entity_id: event.entityId,
    entity_type: event.entityType,
    event_id: event.eventId,
    event_type: event.eventType,
    livemode: environment === 'production',
    occurred_at: event.occurredAt.toISOString(),
  };
}
