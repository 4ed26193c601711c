import type { Context } from '@bridgework/kernel/context';
import type { Environment } from '@bridgework/schema';
import { sql } from 'drizzle-orm';
import { connectedGateways } from '../control/connected-gateways.ts';
import { secretsOf } from '../secrets.ts';

/** What a manager looks at first when something seems wrong. */
export interface SystemHealth {
  readonly environment: Uppercase<Environment>;
  readonly generation: number;
  readonly singleManager: boolean;
  readonly allIntegrationsPausedAt: Date | null;
  readonly allIntegrationsPausedBy: string | null;
  readonly allIntegrationsPausedReason: string | null;
  readonly gateways: readonly string[];
  readonly eventsWaiting: number;
  readonly oldestEventWaitingSince: Date | null;
  readonly deliveriesPending: number;
  readonly deliveriesHeld: number;
  readonly deadLetters: number;
  readonly endpointsFailing: number;
  readonly documentsBroken: number;
  readonly auditEntriesUnsealed: number;
  readonly requestsPending: number;
  readonly reviewsOverdue: number;
  readonly alertsOpen: number;
}

interface Row extends Record<string, unknown> {
  readonly generation: string;
  readonly single_manager: boolean;
  readonly all_paused_at: string | null;
  readonly all_paused_by: string | null;
  readonly all_paused_reason: string | null;
  readonly oldest_event: string | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** Counts of one instant; each is of what waits or is wrong, so that a healthy system counts little. */
export async function describeHealth(ctx: Context): Promise<SystemHealth> {
  const today = ctx.now().toISOString().slice(0, 10);
  const [row] = await ctx.db.execute<Row>(sql`
    select c.generation, c.single_manager, c.all_paused_at, c.all_paused_by, c.all_paused_reason,
      (select min(created_at) from outbox.events where fanned_out_at is null) as oldest_event,
      jsonb_build_object(
        'eventsWaiting', (select count(*) from outbox.events where fanned_out_at is null),
        'deliveriesPending', (select count(*) from integration.deliveries where state = 'PENDING'),
        'deliveriesHeld', (select count(*) from integration.deliveries where state = 'HELD'),
        'deadLetters', (select count(*) from integration.deliveries where state = 'DEAD'),
        'endpointsFailing', (select count(*) from integration.webhook_endpoints
          where breaker_state <> 'CLOSED' and deleted_at is null),
        'documentsBroken', (select count(*) from integration.documents where status = 'BROKEN'),
        'auditEntriesUnsealed', (select count(*) from audit.unsealed),
        'requestsPending', (select count(*) from integration.approvals where status = 'PENDING'),
        'reviewsOverdue', (select count(*) from integration.integrations
          where status in ('ACTIVE', 'PAUSED') and review_due_on < ${today}::date),
        'alertsOpen', (select count(*) from integration.alerts where acknowledged_at is null)
      ) as counts
    from integration.control_state c`);
  if (row === undefined) throw new Error('The control state has no row.');
  const count = (name: string): number => row.counts[name] ?? 0;
  return {
    environment: secretsOf(ctx).environment.toUpperCase() as Uppercase<Environment>,
    generation: Number(row.generation),
    singleManager: row.single_manager,
    allIntegrationsPausedAt: dateOf(row.all_paused_at),
    allIntegrationsPausedBy: row.all_paused_by,
    allIntegrationsPausedReason: row.all_paused_reason,
    gateways: connectedGateways(ctx.db),
    eventsWaiting: count('eventsWaiting'),
    oldestEventWaitingSince: dateOf(row.oldest_event),
    deliveriesPending: count('deliveriesPending'),
    deliveriesHeld: count('deliveriesHeld'),
    deadLetters: count('deadLetters'),
    endpointsFailing: count('endpointsFailing'),
    documentsBroken: count('documentsBroken'),
    auditEntriesUnsealed: count('auditEntriesUnsealed'),
    requestsPending: count('requestsPending'),
    reviewsOverdue: count('reviewsOverdue'),
    alertsOpen: count('alertsOpen'),
  };
}

const dateOf = (instant: string | null): Date | null => (instant === null ? null : new Date(instant));
