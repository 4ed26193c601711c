import { type Alert, raiseAlert } from '@bridgework/kernel/alerts';
import type { Context } from '@bridgework/kernel/context';
import type { Tx } from '@bridgework/kernel/database';
import { sql } from 'drizzle-orm';
import { breakerAdmits, endpointIsOpen } from './authority.ts';

/** What managers are told of an endpoint. */
export type TroubleKind = 'failing' | 'breaker_open' | 'exhausted' | 'disabled' | 'due_age';

/** What one settled result, or one changed breaker, says of its endpoint. */
export type Symptom =
  | {
      readonly kind: 'attempt';
      readonly endpointId: string;
      readonly state: string;
      readonly attempts: number;
      readonly deadReason: string | null;
    }
  | { readonly kind: 'breaker'; readonly endpointId: string; readonly state: 'closed' | 'open' | 'half-open' };

export interface Trouble {
  readonly endpointId: string;
  readonly kind: TroubleKind;
}

/** The attempt at which an endpoint counts as failing: by then it has been down for minutes. */
const FAILING_AT = 4;

/** The troubles that these symptoms amount to, each endpoint and kind once. Pure. */
export function troublesOf(symptoms: readonly Symptom[]): readonly Trouble[] {
  const found = new Map<string, Trouble>();
  for (const symptom of symptoms) {
    const kind = kindOf(symptom);
    if (kind !== undefined) found.set(`${symptom.endpointId} ${kind}`, { endpointId: symptom.endpointId, kind });
  }
  return [...found.values()];
}

function kindOf(symptom: Symptom): TroubleKind | undefined {
  if (symptom.kind === 'breaker') return symptom.state === 'open' ? 'breaker_open' : undefined;
  if (symptom.deadReason === 'gone') return 'disabled';
  if (symptom.deadReason === 'exhausted') return 'exhausted';
  return symptom.state === 'PENDING' && symptom.attempts === FAILING_AT ? 'failing' : undefined;
}

const DETAILS: Record<TroubleKind | 'recovered', string> = {
  failing: `Deliveries fail for the ${FAILING_AT}th time. They are tried again; ask the partner to look at the receiver.`,
  breaker_open:
    'The receiver fails or cannot be reached. It is left alone for a while; deliveries are held and lose no attempt.',
  exhausted:
    'Deliveries have failed to the end of their schedule. They are dead letters now; replayDeliveries sends them again.',
  disabled: 'The receiver answered 410 Gone. Deliveries are held until somebody resumes the endpoint.',
  due_age: 'Deliveries are overdue although the endpoint is open: the workers are behind or away.',
  recovered: 'Deliveries arrive again.',
};

const alertOf = (endpointId: string, kind: TroubleKind | 'recovered'): Alert => ({
  kind: `endpoint.${kind}`,
  entity: 'webhook_endpoint',
  entityId: endpointId,
  detail: `${endpointId}: ${DETAILS[kind]}`,
});

/** Tells the managers, once per endpoint, kind and hour; from the first word on an endpoint counts as troubled. */
export async function raiseTroubles(tx: Tx, troubles: readonly Trouble[]): Promise<void> {
  for (const { endpointId, kind } of troubles) {
    if ((await raiseAlert(tx, alertOf(endpointId, kind))) === null) continue;
    await tx.execute(sql`
      update integration.webhook_endpoints set troubled_since = clock_timestamp()
      where id = ${endpointId} and troubled_since is null`);
  }
}

/** Endpoints that are open and have something overdue for longer than this are a trouble of ours. */
export async function raiseDueAge(ctx: Context, limitSeconds: number): Promise<void> {
  const late = await ctx.db.execute<{ id: string }>(sql`
    select e.id from integration.webhook_endpoints e
    join integration.integrations i on i.key = e.integration_key
    where ${endpointIsOpen} and ${breakerAdmits} and exists (
      select from integration.deliveries d where d.endpoint_key = e.key and d.state = 'PENDING'
        and d.next_at < clock_timestamp() - make_interval(secs => ${limitSeconds}))
  `);
  if (late.length === 0) return;
  await ctx.db.transaction((tx) =>
    raiseTroubles(
      tx,
      late.map(({ id }) => ({ endpointId: id, kind: 'due_age' as const })),
    ),
  );
}

/** A troubled endpoint is well again when the last attempt succeeded, its breaker is closed and nothing is being retried. */
export async function raiseRecoveries(ctx: Context): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const recovered = await tx.execute<{ id: string }>(sql`
      update integration.webhook_endpoints e set troubled_since = null
      where e.troubled_since is not null and e.status = 'ACTIVE' and e.breaker_state = 'CLOSED' and e.deleted_at is null
        and (select a.outcome = 'ok' from integration.delivery_attempts a
          where a.endpoint_key = e.key order by a.started_at desc limit 1)
        and not exists (select from integration.deliveries d
          where d.endpoint_key = e.key and d.state in ('PENDING', 'LEASED', 'HELD') and d.attempts > 0)
      returning e.id
    `);
    for (const { id } of recovered) await raiseAlert(tx, alertOf(id, 'recovered'));
  });
}
