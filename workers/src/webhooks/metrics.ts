import { type DeliveryHealth, readDeliveryHealth } from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { DURATION_BUCKETS_S, type Metrics } from '@bridgework/kernel/metrics';

/** What the lanes tell of each attempt. */
export interface WebhookMetrics {
  attempted(outcome: string, durationMs: number): void;
}

const BREAKER_STATES = ['CLOSED', 'OPEN', 'HALF_OPEN'];
const DEAD_REASONS = ['exhausted', 'gone', 'poison', 'unauthorised', 'skipped', 'deleted'];
/** Several values are read in one look at the database. */
const FRESH_MS = 500;

/** Registers what is watched of webhooks: what this process did, and how deliveries are in the whole database. */
export function watchWebhooks(metrics: Metrics, ctx: Context, inFlight: () => number): WebhookMetrics {
  const attempts = metrics.counter('bridgework_webhook_attempts_total', 'Attempts to deliver, by class of outcome.', [
    'outcome',
  ]);
  const seconds = metrics.histogram('bridgework_webhook_attempt_duration_seconds', 'How long attempts took.', {
    buckets: DURATION_BUCKETS_S,
  });
  const health = cached(() => readDeliveryHealth(ctx));
  const gauge = (name: `bridgework_${string}`, help: string, pick: (now: DeliveryHealth) => number): void =>
    metrics.gauge(name, help, async () => pick(await health()));

  metrics.gauge('bridgework_webhook_in_flight', 'Requests of this process that wait for an answer.', inFlight);
  gauge(
    'bridgework_webhook_due_age_seconds',
    'How long the oldest delivery that could be sent has been due.',
    ({ dueAgeSeconds }) => dueAgeSeconds,
  );
  gauge('bridgework_webhook_pending', 'Deliveries that are due at their time.', ({ pending }) => pending);
  gauge('bridgework_webhook_leased', 'Deliveries that some worker is sending.', ({ leased }) => leased);
  gauge('bridgework_webhook_held', 'Deliveries that are kept back.', ({ held }) => held);
  gauge(
    'bridgework_outbox_lag_seconds',
    'How long the oldest event has waited to be fanned out.',
    ({ outboxLagSeconds }) => outboxLagSeconds,
  );
  metrics.gaugeBy('bridgework_webhook_dead', 'Dead letters that are kept, by reason.', 'reason', async () => {
    const { dead } = await health();
    return Object.fromEntries(DEAD_REASONS.map((reason) => [reason, dead[reason] ?? 0]));
  });
  metrics.gaugeBy('bridgework_webhook_breakers', 'Endpoints, by the state of their breaker.', 'state', async () => {
    const { breakers } = await health();
    return Object.fromEntries(BREAKER_STATES.map((state) => [state.toLowerCase(), breakers[state] ?? 0]));
  });
  return {
    attempted(outcome, durationMs) {
      attempts.inc({ outcome });
      seconds.observe(durationMs / 1000);
    },
  };
}

function cached<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let known: { readonly value: Promise<Value>; readonly atMs: number } | undefined;
  return () => {
    if (known === undefined || performance.now() - known.atMs > FRESH_MS) {
      known = { value: read(), atMs: performance.now() };
    }
    return known.value;
  };
}
