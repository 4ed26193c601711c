import { randomUUID } from 'node:crypto';
import {
  activateVerifiedEndpoint,
  listUnverifiedEndpoints,
  signPayload,
  type UnverifiedEndpoint,
} from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import { openSecret, type SealingKeys } from '@bridgework/kernel/sealed-secret';
import { type Environment, EVENT_API_VERSION } from '@bridgework/schema';
import { type Repeating, repeat } from '../schedule.ts';
import type { Egress } from './egress.ts';
import { signedHeaders } from './signature.ts';
import { isSuccess } from './verdict.ts';

const EVERY_MS = 500;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 5 * 60_000;

export interface VerifierOptions {
  readonly environment: Environment;
  readonly sealingKeys: SealingKeys;
  readonly egress: Egress;
}

/**
 * Sends each new endpoint a signed `endpoint.verification` and lets it receive events once it has answered 2xx: nobody
 * can point our deliveries at a server that does not want them. One that does not answer is asked again, ever more
 * rarely.
 */
export function startVerifier(ctx: Context, options: VerifierOptions): Repeating {
  const asked = new Map<string, { tries: number; nextAtMs: number }>();

  async function challenge(endpoint: UnverifiedEndpoint): Promise<void> {
    const { outcome, durationMs } = await options.egress.post(endpoint.url, {
      ...challengeOf(endpoint, options, ctx.now()),
      deadlineMs: endpoint.timeoutMs,
    });
    if (isSuccess(outcome)) {
      asked.delete(endpoint.id);
      await activateVerifiedEndpoint(ctx, endpoint.id, options.environment);
      ctx.log.info({ endpoint: endpoint.id }, 'endpoint.verified');
      return;
    }
    const tries = (asked.get(endpoint.id)?.tries ?? 0) + 1;
    asked.set(endpoint.id, {
      tries,
      nextAtMs: ctx.now().getTime() + Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), MAX_RETRY_MS),
    });
    ctx.log.info({ endpoint: endpoint.id, outcome, durationMs, tries }, 'endpoint.verification_failed');
  }

  return repeat('endpoint.verify', ctx.log, async () => {
    const unverified = await listUnverifiedEndpoints(ctx);
    const nowMs = ctx.now().getTime();
    const due = unverified.filter(({ id }) => (asked.get(id)?.nextAtMs ?? 0) <= nowMs);
    // A slow one must not keep the others waiting: each result is written as it comes.
    const results = await Promise.allSettled(due.map(challenge));
    for (const result of results) {
      if (result.status === 'rejected') ctx.log.error({ err: result.reason }, 'endpoint.verification_failed');
    }
    return EVERY_MS;
  });
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
