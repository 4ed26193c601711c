import { type Connection, decodeCursor, pageSize, toConnection } from '@bridgework/kernel/connection';
import type { Context, IntegrationCaller } from '@bridgework/kernel/context';
import { DomainError } from '@bridgework/kernel/errors';
import { openSecret, readSealingKeys } from '@bridgework/kernel/sealed-secret';
import { EVENT_TYPES, type EventType } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { type LiveSecretsColumn, liveSecrets, readLiveSecrets } from '../endpoints/endpoint-secret.ts';
import { parseInput } from '../input.ts';
import { demandIntegration } from '../partner-step.ts';
import { secretsOf } from '../secrets.ts';
import { mayReceive } from './authority.ts';
import { payloadOf } from './event-payload.ts';
import { signPayload } from './signed-payload.ts';

/** An event in the feed of one endpoint, as the graph shows it. */
export interface WebhookEvent {
  readonly deliveryId: string;
  readonly seq: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly occurredAt: Date;
  /** The body as it is pushed, signed with the secrets that are live now. */
  readonly payload: string;
}

const ReadWebhookEvents = z.object({ endpointId: z.string(), first: z.int(), after: z.string().optional() });

/**
 * The events of one of the caller's own endpoints by `seq`, pushed or not. `after` is a cursor or a seq. An event whose
 * read scope the caller's token lacks is left out, and amounts are shown only with the financial approval.
 *
 * Throws VALIDATION_FAILED, FORBIDDEN for callers that are no integration, NOT_FOUND for an endpoint that is not theirs.
 */
export async function readWebhookEvents(ctx: Context, args: unknown): Promise<Connection<WebhookEvent>> {
  const { endpointId, first, after } = parseInput(ReadWebhookEvents, args);
  const caller = demandIntegration(ctx);
  const endpoint = await ownEndpoint(ctx, caller, endpointId);
  const { environment, secretsKey } = secretsOf(ctx);
  const keys = readSealingKeys(secretsKey);
  const secrets = readLiveSecrets(endpoint).map((sealed) => openSecret(keys, sealed, endpointId));
  const view = { scopes: caller.scopes, environment, mode: endpoint.mode };
  const types = EVENT_TYPES.filter((type) => mayReceive(caller.scopes, type));
  const rows = await readRows(ctx, {
    endpointKey: endpoint.key,
    types,
    afterSeq: seqOf(after),
    limit: pageSize(first) + 1,
  });
  const events = rows.flatMap((row) => {
    try {
      return [{ ...row, payload: signPayload(payloadOf(row, view), secrets) }];
    } catch (error) {
      // An event that breaks its contract is a fault of ours: it must not bar the way to those behind it.
      ctx.log.error({ event: row.eventId, err: error }, 'delivery.unsendable');
      return [];
    }
  });
  return toConnection(events, first, after, ({ seq, deliveryId }) => ({ at: String(seq), id: deliveryId }));
}

interface EndpointRow extends Record<string, unknown>, LiveSecretsColumn {
  readonly key: string;
  readonly mode: 'SNAPSHOT' | 'THIN';
}

/** A foreign endpoint answers exactly as a missing one. */
async function ownEndpoint(ctx: Context, caller: IntegrationCaller, endpointId: string): Promise<EndpointRow> {
  const [row] = await ctx.db.execute<EndpointRow>(sql`
    select e.key, e.mode, ${liveSecrets} as secrets
    from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where e.id = ${endpointId} and i.id = ${caller.integrationId} and e.deleted_at is null
  `);
  if (row === undefined) throw new DomainError('NOT_FOUND');
  return row;
}

/** A known number, or our own cursor, which holds one. */
function seqOf(after: string | undefined): number {
  const text = after === undefined || /^\d{1,15}$/.test(after) ? (after ?? '0') : (decodeCursor(after)?.at ?? '0');
  return Number(text);
}

interface FeedQuery {
  readonly endpointKey: string;
  readonly types: readonly EventType[];
  readonly afterSeq: number;
  readonly limit: number;
}

interface FeedRow extends Record<string, unknown> {
  readonly id: string;
  readonly seq: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly entity_type: string;
  readonly occurred_at: string;
  readonly data: unknown;
  readonly is_test: boolean;
}

async function readRows(ctx: Context, { endpointKey, types, afterSeq, limit }: FeedQuery) {
  const rows = await ctx.db.execute<FeedRow>(sql`
    select d.id, d.seq, d.event_id, d.event_type, d.entity_id, v.entity_type, v.occurred_at, v.data, v.is_test
    from integration.deliveries d
    join outbox.events v on v.id = d.event_id and v.event_month = d.event_month
    where d.endpoint_key = ${endpointKey} and d.seq > ${afterSeq}
      and d.event_type in (select jsonb_array_elements_text(${JSON.stringify(types)}::jsonb))
    order by d.seq limit ${limit}
  `);
  return rows.map((row) => ({
    deliveryId: row.id,
    seq: Number(row.seq),
    eventId: row.event_id,
    eventType: row.event_type,
    entityId: row.entity_id,
    entityType: row.entity_type,
    occurredAt: new Date(row.occurred_at),
    data: row.data,
    isTest: row.is_test,
  }));
}
