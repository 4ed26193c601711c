import { isSuccess, type SendOutcome } from '../outbound/outcome.ts';
import { nextDelaySeconds } from '../outbound/retry.ts';

export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly delaySeconds: number }
  | { readonly kind: 'dead'; readonly reason: 'exhausted' | 'gone' };

export interface VerdictInput {
  /** Attempts made in this generation, this one included. */
  readonly attemptsMade: number;
  readonly scheduleSeconds: readonly number[];
  readonly random: number;
}

/** What becomes of a delivery after an attempt. Only 2xx delivers; a redirect is a failure; 410 means never again. */
export function judge(outcome: SendOutcome, input: VerdictInput): Verdict {
  if (isSuccess(outcome)) return { kind: 'delivered' };
  if (outcome.kind === 'answered' && outcome.status === 410) return { kind: 'dead', reason: 'gone' };
  const asked = outcome.kind === 'answered' ? outcome.retryAfterSeconds : undefined;
  const delaySeconds = nextDelaySeconds({ ...input, ...(asked === undefined ? {} : { retryAfterSeconds: asked }) });
  return delaySeconds === undefined ? { kind: 'dead', reason: 'exhausted' } : { kind: 'retry', delaySeconds };
}
