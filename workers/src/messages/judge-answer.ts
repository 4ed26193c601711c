import type { MessageVerdict } from '@bridgework/integration';
import { nextDelaySeconds } from '../outbound/retry.ts';
import type { ProviderAnswer } from './provider.ts';

/** Seconds between one failed attempt and the next; after the last step the message has failed. */
export const MESSAGE_SCHEDULE_SECONDS: readonly number[] = [30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600];
/** A patient who got two copies because nobody knew better gets no third. */
const MAX_UNCLEAR = 2;

export interface AttemptFacts {
  readonly provider: string;
  /** This one included. */
  readonly attempts: number;
  /** Before this one. */
  readonly unclearAttempts: number;
  readonly segments: number | null;
  readonly now: Date;
  /** In [0, 1). */
  readonly random: number;
}

/** What becomes of a message after an attempt. */
export function judgeAnswer(answer: ProviderAnswer, facts: AttemptFacts): MessageVerdict {
  switch (answer.kind) {
    case 'accepted': {
      const { providerMessageId, delivered } = answer;
      return { kind: 'sent', provider: facts.provider, providerMessageId, delivered, segments: facts.segments };
    }
    case 'rejected':
      return { kind: 'failed', reason: `rejected:${answer.code}` };
    case 'opted-out':
      return { kind: 'suppressed', reason: 'opted-out' };
    case 'unclear':
      if (facts.unclearAttempts + 1 >= MAX_UNCLEAR) return { kind: 'failed', reason: 'no-answer' };
      return retry(answer, facts);
    case 'refused':
      return retry(answer, facts);
  }
}

function retry(
  answer: Extract<ProviderAnswer, { kind: 'refused' | 'unclear' }>,
  { attempts, now, random }: AttemptFacts,
): MessageVerdict {
  const asked = answer.kind === 'refused' ? answer.retryAfterSeconds : undefined;
  const delaySeconds = nextDelaySeconds({
    attemptsMade: attempts,
    scheduleSeconds: MESSAGE_SCHEDULE_SECONDS,
    random,
    ...(asked === undefined ? {} : { retryAfterSeconds: asked }),
  });
  if (delaySeconds === undefined) return { kind: 'failed', reason: `exhausted:${answer.why}` };
  const at = new Date(now.getTime() + delaySeconds * 1000);
  return { kind: 'retry', at, unclear: answer.kind === 'unclear' };
}
