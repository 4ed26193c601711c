import { EVENT_TYPES, EVENTS, type EventType, type Scope } from '@bridgework/schema';
import { sql } from 'drizzle-orm';

/** True when whoever holds these scopes may be told of this event: webhook:receive and the event's own read scope. */
export const mayReceive = (scopes: readonly string[], type: EventType): boolean =>
  missingScopes(scopes, [type]).length === 0;

/** What is missing to be told of these events. */
export function missingScopes(scopes: readonly string[], types: readonly EventType[]): readonly Scope[] {
  const needed = new Set<Scope>(['webhook:receive', ...types.map((type) => EVENTS[type].readScope)]);
  return [...needed].filter((scope) => !scopes.includes(scope));
}

export const withheldTypes = (scopes: readonly string[]): readonly EventType[] =>
  EVENT_TYPES.filter((type) => !mayReceive(scopes, type));

/** Amounts leave only with the financial approval. */
export const maySeeAmounts = (scopes: readonly string[]): boolean => scopes.includes('read:financials');

/**
 * SQL: events may be sent to endpoint `e` of integration `i` now, its breaker apart. Everything that stops deliveries
 * stands here, so that fan-out, claim and sweep cannot disagree.
 */
export const endpointIsOpen = sql`(
  e.status = 'ACTIVE' and e.url is not null and e.deleted_at is null and i.status = 'ACTIVE'
  and not integration.review_is_overdue(i.review_due_on, current_date)
  and not exists (select from integration.control_state c where c.all_paused_at is not null)
)`;

/** SQL: a manager let delivery `d` go when endpoint `e` was resumed. A later replay is not meant. */
export const isLetGo = sql`(d.created_at < e.skip_before and d.updated_at <= e.skip_decided_at)`;

/** SQL: what integration `i` may be told of now; a sensitive scope ends with its approval. */
export const effectiveScopes = sql`integration.effective_scopes(i.key, i.approved_scopes)`;

/** SQL: the breaker of endpoint `e` lets something pass. */
export const breakerAdmits = sql`(e.breaker_state <> 'OPEN' or e.breaker_retry_at <= clock_timestamp())`;
