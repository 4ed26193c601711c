import { randomUUID } from 'node:crypto';
import {
  activateVerifiedEndpoint,
  claimChallenges,
  recordFailedChallenge,
  signPayload,
  type UnverifiedEndpoint,
} from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import { openSecret, type SealingKeys } from '@bridgework/kernel/sealed-secret';
import { type Environment, EVENT_API_VERSION } from '@bridgework/schema';
import type { Egress } from '../outbound/egress.ts';
import { describeFailure, isSuccess } from '../outbound/outcome.ts';
import { type Repeating, repeat } from '../schedule.ts';
import { signedHeaders } from './signature.ts';

const EVERY_MS = 300;
const MAX_IN_FLIGHT = 64;
/** Those that have failed before never take all places. */
const MAX_REPEATED = 32;
const MAX_DEADLINE_MS = 10_000;
/** Beyond the deadline, until another worker may ask. */
const TURN_MARGIN_MS = 5_000;

/** Seconds until a receiver that did not answer its challenge is asked again; after the last it is given up. */
export const CHALLENGE_SCHEDULE_SECONDS: readonly number[] = [1, 5, 30, 120, 600, 1800, 2 * 3600, 6 * 3600, 12 * 3600];

export interface VerifierOptions {
  readonly environment: Environment;
  readonly sealingKeys: SealingKeys;
  readonly egress: Egress;
  /** Instead of the default. */
  readonly scheduleSeconds?: readonly number[];
}

/**
 * Sends each new endpoint a signed `endpoint.verification` and lets it receive events once it has answered 2xx: nobody
 * can point our deliveries at a server that does not want them. One that does not answer is asked again, ever more
 * rarely, and given up after a day; the endpoint says so. Results are written as they come: a slow one holds up no other.
 */
export function startVerifier(ctx: Context, options: VerifierOptions): Repeating {
  const asking = new Map<string, { readonly isRepeated: boolean; readonly done: Promise<void> }>();
  const schedule = options.scheduleSeconds ?? CHALLENGE_SCHEDULE_SECONDS;

  async function challenge(endpoint: UnverifiedEndpoint): Promise<void> {
    const { outcome } = await options.egress.post(endpoint.url, {
      ...challengeOf(endpoint, options, ctx.now()),
      deadlineMs: Math.min(endpoint.timeoutMs, MAX_DEADLINE_MS),
    });
    if (isSuccess(outcome)) {
      await activateVerifiedEndpoint(ctx, endpoint, options.environment);
      ctx.log.info({ endpoint: endpoint.id }, 'endpoint.verified');
      return;
    }
    const nextDelaySeconds = schedule[endpoint.attempts];
    const what = `The receiver has not answered its challenge well: ${describeFailure(outcome)}.`;
    const next =
      nextDelaySeconds === undefined ? ' It is not asked again; give the URL once more to have it asked.' : '';
    await recordFailedChallenge(ctx, { ...endpoint, reason: `${what}${next}`, nextDelaySeconds });
    ctx.log.info({ endpoint: endpoint.id, outcome, attempts: endpoint.attempts + 1 }, 'endpoint.verification_failed');
  }

  function ask(endpoint: UnverifiedEndpoint): void {
    const done = challenge(endpoint)
      .catch((error: unknown) => ctx.log.error({ endpoint: endpoint.id, err: error }, 'endpoint.verification_failed'))
      .finally(() => asking.delete(endpoint.id));
    asking.set(endpoint.id, { isRepeated: endpoint.attempts > 0, done });
  }

  const repeating = repeat('endpoint.verify', ctx.log, async () => {
    const repeated = [...asking.values()].filter(({ isRepeated }) => isRepeated).length;
    const due = await claimChallenges(ctx, {
      limit: MAX_IN_FLIGHT - asking.size,
      maxRepeated: Math.max(0, MAX_REPEATED - repeated),
      turnMs: MAX_DEADLINE_MS + TURN_MARGIN_MS,
    });
    for (const endpoint of due) ask(endpoint);
    return EVERY_MS;
  });
  return {
    async close() {
      await repeating.close();
      await Promise.all([...asking.values()].map(({ done }) => done));
    },
  };
}

function challengeOf(endpoint: UnverifiedEndpoint, options: VerifierOptions, now: Date) {
  const eventId = newId('evt');
  const secrets = endpoint.secrets.map((sealed) => openSecret(options.sealingKeys, sealed, endpoint.id));
  const payload = {
    api_version: EVENT_API_VERSION,
    data: { challenge: randomUUID() },
    entity_id: endpoint.id,
    entity_type: 'webhook_endpoint',
    event_id: eventId,
    event_type: 'endpoint.verification',
    livemode: options.environment === 'production',
    occurred_at: now.toISOString(),
  };
  const body = signPayload(payload, secrets);
  return { body, headers: { ...signedHeaders(eventId, body, secrets, now) } };
}
