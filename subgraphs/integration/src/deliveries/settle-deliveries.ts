import { type AuditEntry, recordAudit, recordAudits } from '@bridgework/kernel/audit';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { type SQL, sql } from 'drizzle-orm';
import { raiseTroubles, type Symptom, troublesOf } from './troubles.ts';

/** What came of one attempt and what follows. */
export interface AttemptResult {
  readonly deliveryKey: number;
  readonly deliveryMonth: string;
  readonly endpointKey: number;
  readonly leaseToken: string;
  readonly startedAt: Date;
  readonly durationMs: number;
  /** `ok`, `http`, `timeout`, `connect` … */
  readonly outcome: string;
  readonly httpStatus: number | null;
  /** At most 1 KiB of the answer. */
  readonly responsePrefix: string | null;
  readonly verdict:
    | { readonly kind: 'delivered' }
    | { readonly kind: 'retry'; readonly delaySeconds: number }
    | { readonly kind: 'dead'; readonly reason: 'exhausted' | 'gone' };
}

/** A lease given back without an attempt. */
export interface Release {
  readonly deliveryKey: number;
  readonly deliveryMonth: string;
  readonly leaseToken: string;
}

export interface BreakerChange {
  readonly endpointKey: number;
  readonly state: 'closed' | 'open' | 'half-open';
  readonly waitMs: number;
  readonly opens: number;
  readonly probes: number;
}

export interface Settlement {
  readonly attempts: readonly AttemptResult[];
  readonly releases: readonly Release[];
  readonly breakers: readonly BreakerChange[];
}

/**
 * Writes a micro-batch of results: attempts, states, final states' audit rows, breakers and disabled endpoints, all in
 * one transaction. A row whose lease has passed to somebody else is left alone: the late result is not its truth.
 *
 * @returns how many attempts were settled; the rest had lost their lease.
 */
export async function settleDeliveries(ctx: Context, settlement: Settlement): Promise<number> {
  return ctx.db.transaction(async (tx) => {
    const gone = settlement.attempts.filter(({ verdict }) => verdict.kind === 'dead' && verdict.reason === 'gone');
    // Endpoints before deliveries, in key order: the order of dispatchers and lanes.
    await lockEndpoints(tx, [...gone, ...settlement.breakers]);
    const settled = await writeAttempts(tx, settlement.attempts);
    await release(tx, settlement.releases);
    const opened: Symptom[] = [];
    for (const change of settlement.breakers) opened.push(...(await writeBreaker(tx, change)));
    await recordAudits(tx, ctx, settled.filter(({ state }) => state !== 'PENDING').map(auditEntryOf));
    await disableEndpoints(
      tx,
      ctx,
      new Set(settled.filter((row) => row.dead_reason === 'gone').map((row) => row.endpoint_key)),
    );
    await raiseTroubles(tx, troublesOf([...settled.map(symptomOf), ...opened]));
    return settled.length;
  });
}

const auditEntryOf = (row: SettledRow): AuditEntry => ({
  action: 'webhook.deliver',
  entity: 'delivery',
  entityId: row.id,
  integrationId: row.integration_id,
  result: row.state === 'DELIVERED' ? 'OK' : 'FAILED',
  ...(row.dead_reason === null ? {} : { errorMessage: row.dead_reason }),
});

const symptomOf = (row: SettledRow): Symptom => ({
  kind: 'attempt',
  endpointId: row.endpoint_id,
  state: row.state,
  attempts: row.attempts,
  deadReason: row.dead_reason,
});

interface SettledRow extends Record<string, unknown> {
  readonly id: string;
  readonly endpoint_id: string;
  readonly attempts: number;
  readonly endpoint_key: string;
  readonly integration_id: string;
  readonly state: 'PENDING' | 'DELIVERED' | 'DEAD';
  readonly dead_reason: string | null;
}

const STATES = { delivered: 'DELIVERED', retry: 'PENDING', dead: 'DEAD' } as const;

async function writeAttempts(tx: Tx, attempts: readonly AttemptResult[]): Promise<readonly SettledRow[]> {
  if (attempts.length === 0) return [];
  const results = attempts.map(({ verdict, startedAt, ...attempt }) => ({
    ...attempt,
    startedAt: startedAt.toISOString(),
    state: STATES[verdict.kind],
    delaySeconds: verdict.kind === 'retry' ? verdict.delaySeconds : 0,
    deadReason: verdict.kind === 'dead' ? verdict.reason : null,
  }));
  // A lease token says that it is leased (CHECK). Asked for the state as well, PostgreSQL looks through its index of what
  // is leased, most of whose entries are dead between two vacuums; told months and number, it goes by the keys.
  return tx.execute<SettledRow>(sql`
    with result as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(results)}::jsonb) as r("deliveryKey" bigint,
        "deliveryMonth" date, "leaseToken" uuid, "startedAt" timestamptz, "durationMs" integer, outcome text,
        "httpStatus" smallint, "responsePrefix" text, state text, "delaySeconds" float8, "deadReason" text)
      limit ${results.length}
    ), settled as (
      update integration.deliveries d
      set state = r.state, attempts = d.attempts + 1, crashes = 0, dead_reason = r."deadReason",
        next_at = clock_timestamp() + make_interval(secs => r."delaySeconds"),
        delivered_at = case when r.state = 'DELIVERED' then clock_timestamp() end,
        lease_token = null, lease_expires_at = null, updated_at = clock_timestamp()
      from result r
      where d.key = r."deliveryKey" and d.event_month = r."deliveryMonth" and d.event_month = any(${monthsOf(results)})
        and d.lease_token = r."leaseToken"
      returning d.key, d.id, d.endpoint_key, d.event_month, d.generation, d.attempts, d.state, d.dead_reason,
        r."leaseToken", r."startedAt", r."durationMs", r.outcome, r."httpStatus", r."responsePrefix"
    ), logged as (
      insert into integration.delivery_attempts (delivery_key, event_month, endpoint_key, generation, number, lease_token,
        started_at, duration_ms, outcome, http_status, response_prefix)
      select s.key, s.event_month, s.endpoint_key, s.generation, s.attempts, s."leaseToken", s."startedAt",
        s."durationMs", s.outcome, s."httpStatus", s."responsePrefix"
      from settled s
    )
    select s.id, s.endpoint_key, s.state, s.dead_reason, s.attempts, e.id as endpoint_id, i.id as integration_id
    from settled s
    join integration.webhook_endpoints e on e.key = s.endpoint_key
    join integration.integrations i on i.key = e.integration_key
    order by s.key
  `);
}

async function release(tx: Tx, releases: readonly Release[]): Promise<void> {
  if (releases.length === 0) return;
  await tx.execute(sql`
    update integration.deliveries d
    set state = 'PENDING', lease_token = null, lease_expires_at = null, updated_at = clock_timestamp()
    from (select * from jsonb_to_recordset(${JSON.stringify(releases)}::jsonb) as r("deliveryKey" bigint,
      "deliveryMonth" date, "leaseToken" uuid) limit ${releases.length}) as r
    where d.key = r."deliveryKey" and d.event_month = r."deliveryMonth" and d.event_month = any(${monthsOf(releases)})
      and d.lease_token = r."leaseToken"
  `);
}

/** As an array's text: the months whose tables are looked at. */
const monthsOf = (rows: readonly { readonly deliveryMonth: string }[]): SQL =>
  sql`${`{${[...new Set(rows.map(({ deliveryMonth }) => deliveryMonth))].join()}}`}::date[]`;

async function lockEndpoints(tx: Tx, of: readonly { readonly endpointKey: number }[]): Promise<void> {
  if (of.length === 0) return;
  const keys = JSON.stringify(of.map(({ endpointKey }) => endpointKey));
  await tx.execute(sql`
    select e.key from integration.webhook_endpoints e
    where e.key in (select jsonb_array_elements(${keys}::jsonb)::bigint) order by e.key for no key update
  `);
}

async function writeBreaker(tx: Tx, change: BreakerChange): Promise<readonly Symptom[]> {
  const state = { closed: 'CLOSED', open: 'OPEN', 'half-open': 'HALF_OPEN' }[change.state];
  const [row] = await tx.execute<{ id: string }>(sql`
    update integration.webhook_endpoints
    set breaker_state = ${state}, breaker_openings = ${change.opens}, breaker_probe_successes = ${change.probes},
      breaker_opened_at = case ${state} when 'OPEN' then clock_timestamp() when 'CLOSED' then null else breaker_opened_at end,
      breaker_retry_at = case ${state} when 'OPEN' then clock_timestamp() + make_interval(secs => ${change.waitMs / 1000}) end
    where key = ${change.endpointKey}
    returning id
  `);
  return row === undefined ? [] : [{ kind: 'breaker', endpointId: row.id, state: change.state }];
}

/** 410 says that nobody lives there any more: nothing is sent until a manager looks at it. */
async function disableEndpoints(tx: Tx, ctx: Context, keys: ReadonlySet<string>): Promise<void> {
  for (const key of keys) {
    const [row] = await tx.execute<{ id: string; integration_id: string }>(sql`
      update integration.webhook_endpoints e
      set status = 'DISABLED', status_reason = 'The receiver answered 410 Gone.', updated_at = clock_timestamp()
      from integration.integrations i
      where e.key = ${key} and e.status <> 'DISABLED' and i.key = e.integration_key
      returning e.id, i.id as integration_id
    `);
    if (row === undefined) continue;
    await recordAudit(tx, ctx, {
      action: 'webhook_endpoint.disable',
      entity: 'webhook_endpoint',
      entityId: row.id,
      integrationId: row.integration_id,
      result: 'OK',
      errorMessage: 'gone',
    });
  }
}
