import {
  type Batch,
  type ClaimedEndpoint,
  claimBatch,
  type LeasedDelivery,
  payloadOf,
  type Release,
  signPayload,
} from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { openSecret, type SealingKeys } from '@bridgework/kernel/sealed-secret';
import type { Environment } from '@bridgework/schema';
import type { Egress, EgressAnswer } from '../outbound/egress.ts';
import { isSuccess, isUnreachable, nameOutcome } from '../outbound/outcome.ts';
import type { Breakers } from './breakers.ts';
import { DEFAULT_SCHEDULE_SECONDS } from './schedule.ts';
import type { Settler } from './settler.ts';
import { signedHeaders } from './signature.ts';
import { judge } from './verdict.ts';

/** Sends what is due, one lane per endpoint, so that a slow receiver slows nobody else. */
export interface Lanes {
  /** Works for at most a second. True when more is due now. */
  run(endpointId: string): Promise<boolean>;
  /** Requests that wait for an answer. */
  inFlight(): number;
  /** Starts nothing new, waits for what is on the way and writes it down. */
  close(): Promise<void>;
}

export interface LaneOptions {
  readonly environment: Environment;
  readonly sealingKeys: SealingKeys;
  readonly egress: Egress;
  readonly settler: Settler;
  readonly breakers: Breakers;
  readonly leaseMarginMs: number;
  /** Called when an answer came after the lane had given its slot back: there may be room to send more. */
  readonly wake: (endpointIds: readonly string[]) => void;
  readonly random: () => number;
  /** Told of each attempt once it is known what came of it. */
  readonly attempted: (outcome: string, durationMs: number) => void;
  /** Used where an endpoint has none of its own. */
  readonly scheduleSeconds?: readonly number[];
}

/** A lane gives its slot back after this time, and nothing is sent on a claim that is older. */
const SLOT_MS = 1_000;
/** How much more than may be on the way is claimed at once, to save statements. */
const BATCHES_AHEAD = 4;
const MAX_BATCH = 200;

export function createLanes(ctx: Context, options: LaneOptions): Lanes {
  const sending = new Set<Promise<void>>();
  let closing = false;

  async function run(endpointId: string): Promise<boolean> {
    const until = performance.now() + SLOT_MS;
    while (!closing && performance.now() < until) {
      const batch = await claimBatch(ctx, {
        endpointId,
        maxDeliveries: MAX_BATCH,
        batchesAhead: BATCHES_AHEAD,
        leaseMarginMs: options.leaseMarginMs,
      });
      if (batch === null) return false;
      options.breakers.adopt(batch.endpoint);
      if (!(await sendBatch(batch, until))) return true;
    }
    return !closing;
  }

  /** False when time was up before everything was sent; what was not is given back. */
  async function sendBatch(batch: Batch, until: number): Promise<boolean> {
    const secrets = openSecrets(batch.endpoint, options.sealingKeys);
    const onTheWay = new Set<Promise<void>>();
    const waiting = [...batch.deliveries];
    let yielded = false;
    while (waiting.length > 0) {
      if (onTheWay.size >= batch.capacity) await Promise.race([...onTheWay, timeUp(until)]);
      if (closing || performance.now() >= until || !options.breakers.admits(batch.endpoint.id)) break;
      if (onTheWay.size >= batch.capacity) continue;
      const delivery = waiting.shift();
      if (delivery === undefined) break;
      const sent = send(batch, delivery, secrets).finally(() => {
        onTheWay.delete(sent);
        sending.delete(sent);
        if (yielded) options.wake([batch.endpoint.id]);
      });
      onTheWay.add(sent);
      sending.add(sent);
    }
    const rest = waiting.map((one) => leaseOf(batch, one));
    if (rest.length > 0) await options.settler.release(rest);
    // The last ones may hang: their slot is given back, they are settled whenever they end.
    await Promise.race([Promise.all(onTheWay), timeUp(until)]);
    yielded = onTheWay.size > 0;
    return rest.length === 0 && !yielded;
  }

  async function send(batch: Batch, delivery: LeasedDelivery, secrets: readonly string[]): Promise<void> {
    const startedAt = ctx.now();
    const { outcome, responsePrefix, durationMs } = await post(batch.endpoint, delivery, secrets, startedAt);
    if (closing && outcome.kind === 'failed' && outcome.failure === 'reset') {
      // Most likely it was we who hung up. That is no attempt of the receiver's: the next worker makes it.
      return options.settler.release([leaseOf(batch, delivery)]);
    }
    const verdict = judge(outcome, {
      attemptsMade: delivery.attempts + 1,
      scheduleSeconds: batch.endpoint.scheduleSeconds ?? options.scheduleSeconds ?? DEFAULT_SCHEDULE_SECONDS,
      random: options.random(),
    });
    options.breakers.observe(batch.endpoint, {
      success: isSuccess(outcome),
      unreachable: isUnreachable(outcome),
      atMs: ctx.now().getTime(),
    });
    const attempt = {
      ...leaseOf(batch, delivery),
      endpointKey: batch.endpoint.key,
      startedAt,
      durationMs,
      outcome: nameOutcome(outcome),
      httpStatus: outcome.kind === 'answered' ? outcome.status : null,
      responsePrefix,
      verdict,
    };
    options.attempted(attempt.outcome, durationMs);
    await options.settler.settle(attempt);
    ctx.log.debug(
      { delivery: delivery.id, endpoint: batch.endpoint.id, outcome: attempt.outcome },
      'delivery.attempted',
    );
  }

  async function post(
    endpoint: ClaimedEndpoint,
    delivery: LeasedDelivery,
    secrets: readonly string[],
    sentAt: Date,
  ): Promise<EgressAnswer> {
    let body: string;
    try {
      body = signPayload(payloadOf(delivery, { ...endpoint, environment: options.environment }), secrets);
    } catch (error) {
      // A stored event that breaks its contract is a fault of ours; it must not stop the lane.
      ctx.log.error({ delivery: delivery.id, event: delivery.eventId, err: error }, 'delivery.unsendable');
      return { outcome: { kind: 'failed', failure: 'unsendable' }, responsePrefix: null, durationMs: 0 };
    }
    const headers = { ...signedHeaders(delivery.eventId, body, secrets, sentAt) };
    return options.egress.post(endpoint.url, { headers, body, deadlineMs: endpoint.timeoutMs });
  }

  return {
    run,
    inFlight: () => sending.size,
    async close() {
      closing = true;
      await Promise.all(sending);
    },
  };
}

const timeUp = (until: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, until - performance.now())).unref();
  });

const leaseOf = ({ leaseToken }: Batch, { key, month }: LeasedDelivery): Release => ({
  deliveryKey: key,
  deliveryMonth: month,
  leaseToken,
});

const openSecrets = (endpoint: ClaimedEndpoint, keys: SealingKeys): readonly string[] =>
  endpoint.secrets.map((sealed) => openSecret(keys, sealed, endpoint.id));
