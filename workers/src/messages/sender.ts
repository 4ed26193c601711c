import {
  type ClaimedMessage,
  claimMessages,
  raiseProviderFailing,
  raiseProviderRecovered,
  recordOptOut,
  settleMessage,
} from '@bridgework/integration';
import type { Context } from '@bridgework/kernel/context';
import { admits, type Breaker, CLOSED, observe } from '../outbound/breaker.ts';
import { type Repeating, repeat } from '../schedule.ts';
import { judgeAnswer } from './judge-answer.ts';
import type { Provider, ProviderAnswer } from './provider.ts';
import { PROVIDER_DEADLINE_MS } from './provider.ts';
import { countSegments } from './segments.ts';
import { renderMessage } from './templates.ts';

export interface SenderOptions {
  readonly provider: Provider;
  readonly random: () => number;
  /** Between two looks while nothing is due. */
  readonly everyMs?: number;
  /** Told of each attempt: `accepted`, `rejected`, `refused` … */
  readonly attempted?: (provider: string, outcome: ProviderAnswer['kind']) => void;
}

const EVERY_MS = 1_000;
/** On the way at once to one provider. */
const BATCH = 8;
/** The provider's deadline, and time to write the result down when the database is slow. */
const LEASE_SECONDS = PROVIDER_DEADLINE_MS / 1000 + 20;
/** From this attempt of one message on the managers hear of it; sooner when the message has failed by it. */
const ALERT_FROM_ATTEMPT = 3;

/**
 * Sends what is due by one provider, a few at a time, holding no transaction meanwhile. While its breaker is open nothing
 * is claimed, so what waits keeps its attempts; then single messages try whether it is well again.
 */
export function startSender(ctx: Context, options: SenderOptions): Repeating {
  const { provider } = options;
  const everyMs = options.everyMs ?? EVERY_MS;
  let breaker: Breaker = CLOSED;
  // Until a look says otherwise: a worker that ended may have told the managers that it fails.
  let mayBeTroubled = true;

  return repeat(`message.send ${provider.name}`, ctx.log, async () => {
    const admitted = admits(breaker, ctx.now().getTime());
    if (admitted === 'none') return everyMs;
    const atMost = admitted === 'probe' ? 1 : BATCH;
    const claimed = await claimMessages(ctx, { channel: provider.channel, atMost, leaseSeconds: LEASE_SECONDS });
    await Promise.all(claimed.map(sendOne));
    return claimed.length === 0 ? everyMs : 0;
  });

  async function sendOne(message: ClaimedMessage): Promise<void> {
    const rendered = renderMessage(message);
    const answer = await provider.send(message, rendered);
    options.attempted?.(provider.name, answer.kind);
    const isWell = await observed(answer);
    if (answer.kind === 'opted-out') await recordOptOut(ctx, message.phone, provider.channel);
    const verdict = judgeAnswer(answer, {
      provider: provider.name,
      attempts: message.attempts,
      unclearAttempts: message.unclearAttempts,
      segments: provider.channel === 'SMS' ? countSegments(rendered.text) : null,
      now: ctx.now(),
      random: options.random(),
    });
    if (!isWell && (verdict.kind === 'failed' || message.attempts >= ALERT_FROM_ATTEMPT)) await tellOfTrouble();
    const settled = await settleMessage(ctx, message, verdict);
    // A provider that knows a number is well; only one that took a message carries them again.
    if (answer.kind === 'accepted' && breaker.state === 'closed') await tellOfRecovery();
    ctx.log.info({ message: message.id, provider: provider.name, outcome: answer.kind, settled }, 'message.attempted');
  }

  /** Counts the answer; false when it says that the provider is not well. */
  async function observed(answer: ProviderAnswer): Promise<boolean> {
    const success = answer.kind !== 'refused' && answer.kind !== 'unclear';
    const before = breaker.state;
    const unreachable = !success && answer.unreachable;
    breaker = observe(breaker, { success, unreachable, atMs: ctx.now().getTime() });
    if (breaker.state === 'open' && before !== 'open') await tellOfTrouble();
    return success;
  }

  async function tellOfTrouble(): Promise<void> {
    await raiseProviderFailing(ctx, provider.name);
    mayBeTroubled = true;
  }

  /** Several messages come to their end at once: one that fails meanwhile sets the mark again. */
  async function tellOfRecovery(): Promise<void> {
    if (!mayBeTroubled) return;
    mayBeTroubled = false;
    if (!(await raiseProviderRecovered(ctx, provider.name, provider.channel))) mayBeTroubled = true;
  }
}
