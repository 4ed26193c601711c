import { randomUUID } from 'node:crypto';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import type { SealedSecret } from '@bridgework/kernel/sealed-secret';
import type { EventType } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { type LiveSecretsColumn, liveSecrets, readLiveSecrets } from '../endpoints/endpoint-secret.ts';
import { effectiveScopes, endpointIsOpen, isLetGo, withheldTypes } from './authority.ts';
import type { StoredEvent } from './event-payload.ts';

export interface ClaimedEndpoint {
  readonly key: number;
  readonly id: string;
  readonly url: string;
  readonly integrationId: string;
  /** What the integration may read now; decides what the payload shows. */
  readonly scopes: readonly string[];
  readonly mode: 'SNAPSHOT' | 'THIN';
  readonly maxInFlight: number;
  readonly timeoutMs: number;
  /** Seconds between attempts; null for the default schedule. */
  readonly scheduleSeconds: readonly number[] | null;
  /** Live secrets, newest first. */
  readonly secrets: readonly SealedSecret[];
  readonly breaker: StoredBreaker;
}

export interface StoredBreaker {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Milliseconds until an open breaker lets a probe pass, by the database's clock; 0 when that is now. */
  readonly waitMs: number;
  readonly opens: number;
  readonly probes: number;
}

export interface LeasedDelivery extends StoredEvent {
  readonly key: number;
  /** Where it is kept: the month of its event, `2026-03-01`. */
  readonly month: string;
  readonly id: string;
  readonly seq: number;
  /** Attempts made before, in this generation. */
  readonly attempts: number;
  /** Workers that died while it was on the way. */
  readonly crashes: number;
  readonly generation: number;
}

export interface Batch {
  readonly endpoint: ClaimedEndpoint;
  /** Only who holds it may settle these rows. */
  readonly leaseToken: string;
  /** How many the caller may have on the way at once, those of others' leases subtracted. */
  readonly capacity: number;
  readonly deliveries: readonly LeasedDelivery[];
  /** Nothing more was due. */
  readonly isLast: boolean;
  /** Its worker died before: it goes alone. */
  readonly isSuspect: boolean;
}

export interface ClaimInput {
  readonly endpointId: string;
  readonly maxDeliveries: number;
  /** How many times what may be on the way at once is claimed at least, to save statements. */
  readonly batchesAhead: number;
  /** How many the caller expects to send soon. */
  readonly expected: number;
  /** Beyond the endpoint's own time-out. */
  readonly leaseMarginMs: number;
  /** Tokens of leases whose requests the caller counts itself. */
  readonly ownLeases: readonly string[];
}

/**
 * Leases what is due to one endpoint. State, scopes and pauses are read in the same transaction, and the endpoint's row
 * is locked, so what is claimed was allowed at that moment. Null when there is nothing to send or it may not be sent.
 *
 * A delivery whose worker died before goes alone: should it be what kills workers, it takes no other with it.
 */
export async function claimBatch(ctx: Context, input: ClaimInput): Promise<Batch | null> {
  return ctx.db.transaction(async (tx) => {
    const row = await lockEndpoint(tx, input);
    if (row === undefined) return null;
    const endpoint = toEndpoint(row);
    const withheld = withheldTypes(endpoint.scopes);
    if (!row.open || (endpoint.breaker.state === 'open' && endpoint.breaker.waitMs > 0)) return null;
    // A breaker that tries again sends one request and waits for it.
    const probing = endpoint.breaker.state !== 'closed';
    const capacity = (probing ? 1 : endpoint.maxInFlight) - row.leased;
    if (capacity <= 0 || row.suspect_is_out) return null;
    const leaseToken = randomUUID();
    const wanted = probing ? 1 : Math.min(Math.max(capacity * input.batchesAhead, input.expected), input.maxDeliveries);
    const leaseMs = endpoint.timeoutMs + input.leaseMarginMs;
    const deliveries = await lease(tx, row, { leaseToken, limit: wanted, leaseMs, withheld });
    if (deliveries.length === 0) return null;
    const isSuspect = deliveries.some(({ crashes }) => crashes > 0);
    return { endpoint, leaseToken, capacity, deliveries, isLast: deliveries.length < wanted && !isSuspect, isSuspect };
  });
}

interface EndpointRow extends Record<string, unknown>, LiveSecretsColumn {
  readonly key: string;
  readonly id: string;
  readonly url: string | null;
  readonly mode: 'SNAPSHOT' | 'THIN';
  readonly ordering: 'BEST_EFFORT' | 'ENTITY';
  readonly max_in_flight: number;
  readonly timeout_ms: number;
  readonly retry_schedule_seconds: number[] | null;
  readonly breaker_state: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  readonly breaker_wait_ms: number;
  readonly breaker_openings: number;
  readonly breaker_probe_successes: number;
  readonly integration_id: string;
  readonly scopes: string[];
  readonly open: boolean;
  readonly leased: number;
  /** Something of it is on the way whose worker died before. */
  readonly suspect_is_out: boolean;
  /** A manager let something of it go. */
  readonly lets_go: boolean;
}

async function lockEndpoint(tx: Tx, { endpointId, ownLeases }: ClaimInput): Promise<EndpointRow | undefined> {
  const [row] = await tx.execute<EndpointRow>(sql`
    select e.key, e.id, e.url, e.mode, e.ordering, e.max_in_flight, e.timeout_ms, e.retry_schedule_seconds,
      e.breaker_state, e.breaker_openings, e.breaker_probe_successes,
      greatest(coalesce(extract(epoch from e.breaker_retry_at - clock_timestamp()) * 1000, 0), 0)::float8 as breaker_wait_ms,
      i.id as integration_id, ${effectiveScopes} as scopes, ${endpointIsOpen} as open,
      (select count(*)::integer from integration.deliveries d
        where d.endpoint_key = e.key and d.state = 'LEASED'
          and d.lease_token <> all (${`{${ownLeases.join()}}`}::uuid[])) as leased,
      exists (select from integration.deliveries d
        where d.endpoint_key = e.key and d.state = 'LEASED' and d.crashes > 0) as suspect_is_out,
      e.skip_before is not null as lets_go,
      ${liveSecrets} as secrets
    from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where e.id = ${endpointId}
    for no key update of e
  `);
  return row;
}

interface DeliveryRow extends Record<string, unknown> {
  readonly key: string;
  readonly month: string;
  readonly id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly entity_type: string;
  readonly occurred_at: string;
  readonly data: unknown;
  readonly is_test: boolean;
  readonly seq: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly generation: number;
}

interface Lease {
  readonly leaseToken: string;
  readonly limit: number;
  readonly leaseMs: number;
  /** Types the integration may not be told of. */
  readonly withheld: readonly EventType[];
}

async function lease(
  tx: Tx,
  endpoint: EndpointRow,
  { leaseToken, limit, leaseMs, withheld }: Lease,
): Promise<readonly LeasedDelivery[]> {
  // With entity ordering the next event of an entity waits for the previous one.
  const inOrder =
    endpoint.ordering === 'BEST_EFFORT'
      ? sql`true`
      : sql`not exists (select from integration.deliveries p where p.endpoint_key = d.endpoint_key
          and p.entity_id = d.entity_id and p.seq < d.seq and p.state in ('PENDING', 'LEASED', 'HELD'))`;
  // What is withheld is not sent; the sweeper buries it.
  const told =
    withheld.length === 0
      ? sql`true`
      : sql`d.event_type not in (select jsonb_array_elements_text(${JSON.stringify(withheld)}::jsonb))`;
  const kept = endpoint.lets_go
    ? sql`not exists (select from integration.webhook_endpoints e where e.key = d.endpoint_key and ${isLetGo})`
    : sql`true`;
  const due = sql`d.endpoint_key = ${endpoint.key} and d.state = 'PENDING' and d.next_at <= clock_timestamp()
    and ${told} and ${kept}`;
  // Of those whose worker died before, one, and nothing beside it.
  const alone = sql`d.key = coalesce((select d.key from integration.deliveries d
    where ${due} and ${inOrder} and d.crashes > 0 order by d.seq limit 1), d.key)`;
  const rows = await tx.execute<DeliveryRow>(sql`
    with picked as materialized (
      select d.key, d.event_month from integration.deliveries d
      where ${due} and ${inOrder} and ${alone}
      order by d.next_at, d.seq limit ${limit} for update skip locked
    ), leased as (
      update integration.deliveries d
      set state = 'LEASED', lease_token = ${leaseToken}::uuid,
        lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
      from picked where d.key = picked.key and d.event_month = picked.event_month
      returning d.*
    )
    select d.key, d.event_month::text as month, d.id, d.event_id, d.event_type, d.entity_id, d.seq, d.attempts, d.crashes, d.generation,
      v.entity_type, v.occurred_at, v.data, v.is_test
    from leased d join outbox.events v on v.id = d.event_id and v.event_month = d.event_month
    order by d.seq
  `);
  return rows.map((row) => ({
    key: Number(row.key),
    month: row.month,
    id: row.id,
    eventId: row.event_id,
    eventType: row.event_type,
    entityId: row.entity_id,
    entityType: row.entity_type,
    occurredAt: new Date(row.occurred_at),
    data: row.data,
    isTest: row.is_test,
    seq: Number(row.seq),
    attempts: row.attempts,
    crashes: row.crashes,
    generation: row.generation,
  }));
}

const BREAKER_STATES = { CLOSED: 'closed', OPEN: 'open', HALF_OPEN: 'half-open' } as const;

const toEndpoint = (row: EndpointRow): ClaimedEndpoint => ({
  key: Number(row.key),
  id: row.id,
  url: row.url ?? '',
  integrationId: row.integration_id,
  scopes: row.scopes,
  mode: row.mode,
  maxInFlight: row.max_in_flight,
  timeoutMs: row.timeout_ms,
  scheduleSeconds: row.retry_schedule_seconds,
  secrets: readLiveSecrets(row),
  breaker: {
    state: BREAKER_STATES[row.breaker_state],
    waitMs: row.breaker_wait_ms,
    opens: row.breaker_openings,
    probes: row.breaker_probe_successes,
  },
});
