import { DomainError } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';

/** What a partner may ask for within a minute. */
export interface QuotaLimits {
  readonly requestsPerToken: number;
  /** All tokens of an integration together. */
  readonly requestsPerIntegration: number;
  /** Of the documents that are run, in the units of the cost model, per token. */
  readonly costPerToken: number;
}

/** What is left to a token, as the answer's headers say it. */
export interface QuotaState {
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** Counts in this process; people of the clinic are not counted. Both methods throw QUOTA_EXCEEDED. */
export interface Quota {
  /** Counts a request; undefined for a caller who is not counted. */
  admit(caller: SignedCaller): QuotaState | undefined;
  /** Counts the cost of a document that is about to run. */
  charge(caller: SignedCaller, cost: number): void;
}

interface Window {
  spent: number;
  readonly endsAt: number;
}

const MINUTE_MS = 60_000;
const SWEEP_ABOVE = 10_000;

export function createQuota(limits: QuotaLimits, now: () => Date): Quota {
  const windows = new Map<string, Window>();
  const windowOf = (key: string): Window => {
    const at = now().getTime();
    const known = windows.get(key);
    if (known !== undefined && known.endsAt > at) return known;
    if (windows.size > SWEEP_ABOVE) for (const [name, { endsAt }] of windows) if (endsAt <= at) windows.delete(name);
    const opened = { spent: 0, endsAt: at + MINUTE_MS };
    windows.set(key, opened);
    return opened;
  };
  const secondsLeft = (window: Window): number => Math.max(1, Math.ceil((window.endsAt - now().getTime()) / 1000));
  const spend = (key: string, amount: number, limit: number): Window => {
    const window = windowOf(key);
    if (window.spent + amount > limit) {
      throw new DomainError('QUOTA_EXCEEDED', { retryAfterSeconds: secondsLeft(window) });
    }
    window.spent += amount;
    return window;
  };
  return {
    admit(caller) {
      if (caller.kind !== 'integration') return undefined;
      const { requestsPerToken, requestsPerIntegration } = limits;
      const window = spend(`requests ${caller.tokenId}`, 1, requestsPerToken);
      spend(`requests ${caller.integrationId}`, 1, requestsPerIntegration);
      return { limit: requestsPerToken, remaining: requestsPerToken - window.spent, resetSeconds: secondsLeft(window) };
    },
    charge(caller, cost) {
      if (caller.kind === 'integration') spend(`cost ${caller.tokenId}`, cost, limits.costPerToken);
    },
  };
}
