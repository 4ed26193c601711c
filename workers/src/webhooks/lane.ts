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
import { Turn } from './turn.ts';
import { judge } from './verdict.ts';

/** Sends what is due, one lane per endpoint, so that a slow receiver slows nobody else. */
export interface Lanes {
  /** Works for at most a second. True when more is due now. */
  run(endpointId: string): Promise<boolean>;
  /** Something new may be due. True when the endpoint's lane runs and will look itself. */
  notice(endpointId: string): boolean;
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
/** How much more than may be on the way is claimed first, to save statements; then what the lane's pace promises. */
const BATCHES_AHEAD = 4;
const CLAIM_AHEAD_MS = 250;
const MAX_BATCH = 200;

export function createLanes(ctx: Context, options: LaneOptions): Lanes {
  const sending = new Set<Promise<void>>();
  const turns = new Map<string, Turn>();
  let onTheWay = 0;
  let closing = false;

  async function run(endpointId: string): Promise<boolean> {
    const turn = new Turn(SLOT_MS);
    turns.set(endpointId, turn);
    try {
      return await take(turn, endpointId);
    } finally {
      turn.end();
      if (turns.get(endpointId) === turn) turns.delete(endpointId);
    }
  }

  async function take(turn: Turn, endpointId: string): Promise<boolean> {
    const claim = async (): Promise<Claimed | null> => {
      turn.news = false;
      const mark = options.breakers.mark();
      const batch = await claimBatch(ctx, {
        endpointId,
        maxDeliveries: MAX_BATCH,
        batchesAhead: turn.sent === 0 ? BATCHES_AHEAD : 1,
        expected: turn.expected(CLAIM_AHEAD_MS),
        leaseMarginMs: options.leaseMarginMs,
        ownLeases: [...turn.leases],
      });
      return batch && { ...batch, mark };
    };
    let claimed = claim();
    while (!(closing || turn.over)) {
      const batch = await claimed;
      if (batch === null) {
        if (turn.unsettled === 0 && !turn.news) {
          // At once: who gives notice from now on is told that nobody looks.
          if (turns.get(endpointId) === turn) turns.delete(endpointId);
          return false;
        }
        // What is due may wait for what is not settled (ordering), or come meanwhile.
        while (turn.unsettled > 0 && !turn.news && !(closing || turn.over)) await turn.change();
        if (closing || turn.over) break;
        claimed = claim();
        continue;
      }
      options.breakers.adopt(batch.endpoint, batch.mark);
      // The next batch is claimed while the last of this one are sent: the lane does not idle between the two.
      let next: Promise<Claimed | null> | undefined;
      const sent = await sendBatch(turn, batch, () => {
        if (!batch.isLast && next === undefined) {
          next = claim();
          next.catch(() => undefined);
        }
      });
      if (!sent) {
        if (next !== undefined) await giveBack(await next);
        return !closing;
      }
      claimed = next ?? settledThenClaim(turn, batch, claim);
    }
    await giveBack(await claimed);
    return !closing;
  }

  /** When a batch held all that was due: the next look is worth it once this is settled, or something new has come. */
  async function settledThenClaim(
    turn: Turn,
    { isSuspect }: Batch,
    claim: () => Promise<Claimed | null>,
  ): Promise<Claimed | null> {
    // Beside what may be what kills workers nothing goes, however new.
    while (turn.unsettled > 0 && (isSuspect || !turn.news) && !(closing || turn.over)) await turn.change();
    return closing || turn.over ? null : claim();
  }

  async function giveBack(batch: Batch | null, from = 0): Promise<void> {
    const rest = batch?.deliveries.slice(from).map((delivery) => leaseOf(batch, delivery)) ?? [];
    if (rest.length > 0) await options.settler.release(rest);
  }

  /** False when time was up before everything was sent; what was not is given back. */
  async function sendBatch(turn: Turn, batch: Batch, almostSent: () => void): Promise<boolean> {
    const secrets = openSecrets(batch.endpoint, options.sealingKeys);
    const stopped = (): boolean => closing || turn.over || !options.breakers.admits(batch.endpoint.id);
    // What may be what kills workers is on the way alone.
    while (batch.isSuspect && turn.unsettled > 0 && !stopped()) await turn.change();
    turn.leases.add(batch.leaseToken);
    let unsettled = batch.deliveries.length;
    const settled = (): void => {
      unsettled -= 1;
      if (unsettled === 0) turn.leases.delete(batch.leaseToken);
    };
    for (const [at, delivery] of batch.deliveries.entries()) {
      while (turn.onTheWay >= batch.capacity && !stopped()) await turn.change();
      if (stopped()) {
        await giveBack(batch, at);
        return false;
      }
      start(turn, batch, delivery, secrets, settled);
      // What a probe or a suspect comes to decides what follows.
      const goesOn = !batch.isSuspect && batch.endpoint.breaker.state === 'closed';
      if (goesOn && batch.deliveries.length - at <= batch.capacity) almostSent();
    }
    return true;
  }

  function start(
    turn: Turn,
    batch: Batch,
    delivery: LeasedDelivery,
    secrets: readonly string[],
    settled: () => void,
  ): void {
    turn.sent += 1;
    turn.onTheWay += 1;
    turn.unsettled += 1;
    onTheWay += 1;
    const answered = (): void => {
      turn.onTheWay -= 1;
      onTheWay -= 1;
      turn.ring();
    };
    const sent = send(batch, delivery, secrets, answered).finally(() => {
      sending.delete(sent);
      turn.unsettled -= 1;
      settled();
      turn.ring();
      // Its slot was given back meanwhile: there may be room to send more.
      if (turn.over) options.wake([batch.endpoint.id]);
    });
    sending.add(sent);
  }

  async function send(
    batch: Batch,
    delivery: LeasedDelivery,
    secrets: readonly string[],
    answered: () => void,
  ): Promise<void> {
    const startedAt = ctx.now();
    const answer = await post(batch.endpoint, delivery, secrets, startedAt).catch((error: unknown) => {
      answered();
      throw error;
    });
    const { outcome, responsePrefix, durationMs } = answer;
    if (closing && outcome.kind === 'failed' && outcome.failure === 'reset') {
      answered();
      // Most likely it was we who hung up. That is no attempt of the receiver's: the next worker makes it.
      return options.settler.release([leaseOf(batch, delivery)]);
    }
    options.breakers.observe(batch.endpoint, {
      success: isSuccess(outcome),
      unreachable: isUnreachable(outcome),
      atMs: ctx.now().getTime(),
    });
    // The breaker first: who waits for the free place looks at it.
    answered();
    const verdict = judge(outcome, {
      attemptsMade: delivery.attempts + 1,
      scheduleSeconds: batch.endpoint.scheduleSeconds ?? options.scheduleSeconds ?? DEFAULT_SCHEDULE_SECONDS,
      random: options.random(),
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
    notice(endpointId) {
      const turn = turns.get(endpointId);
      if (turn === undefined) return false;
      turn.news = true;
      turn.ring();
      return true;
    },
    inFlight: () => onTheWay,
    async close() {
      closing = true;
      for (const turn of turns.values()) turn.ring();
      await Promise.all(sending);
    },
  };
}

/** With where the breakers stood before it was claimed. */
type Claimed = Batch & { readonly mark: number };

const leaseOf = ({ leaseToken }: Batch, { key, month }: LeasedDelivery): Release => ({
  deliveryKey: key,
  deliveryMonth: month,
  leaseToken,
});

const openSecrets = (endpoint: ClaimedEndpoint, keys: SealingKeys): readonly string[] =>
  endpoint.secrets.map((sealed) => openSecret(keys, sealed, endpoint.id));
