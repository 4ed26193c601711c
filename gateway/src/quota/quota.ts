import { DomainError } from '@bridgework/kernel/errors';
import type { SignedCaller } from '@bridgework/kernel/signed-caller';
import type { GatewayMetrics } from '../metrics.ts';
import { localMeter, type Meter, type Spent, sharedMeter } from './meter.ts';
import type { SharedStore } from './shared-store.ts';

/** What a partner may ask for within a minute. */
export interface QuotaLimits {
  readonly requestsPerToken: number;
  /** All tokens of an integration together. */
  readonly requestsPerIntegration: number;
  /** Of the documents that are run, in the units of the cost model, per token. */
  readonly costPerToken: number;
}

/** The names of the allowances, as headers and metrics say them. */
export type Allowance = 'token' | 'integration' | 'cost';

export interface AllowanceState extends Spent {
  readonly allowance: Allowance;
  readonly limit: number;
}

/**
 * What partners may use up within a minute: all gateways together when there is a shared store, each for itself when
 * there is none. While the store is away each gateway grants its share, never all of it and never without end. People of
 * the clinic are not counted.
 */
export interface Quota {
  /** Counts a request; empty for a caller who is not counted. One that is not granted is to be refused. */
  admit(caller: SignedCaller): Promise<readonly AllowanceState[]>;
  /** Counts the cost of a document that is about to run. Throws QUOTA_EXCEEDED. */
  charge(caller: SignedCaller, cost: number): Promise<void>;
}

export interface QuotaOptions {
  readonly limits: QuotaLimits;
  readonly store: SharedStore | undefined;
  readonly metrics: Pick<GatewayMetrics, 'overQuota'>;
}

export function createQuota({ limits, store, metrics }: QuotaOptions): Quota {
  const spendOn = (allowance: Allowance, limit: number) => {
    const meter = store === undefined ? localMeter(() => limit) : meterOf(store, allowance, limit);
    return async (key: string, amount: number): Promise<AllowanceState> => {
      const spent = await meter.spend(key, amount);
      if (!spent.granted) metrics.overQuota(allowance);
      return { allowance, limit, ...spent };
    };
  };
  const spendToken = spendOn('token', limits.requestsPerToken);
  const spendIntegration = spendOn('integration', limits.requestsPerIntegration);
  const spendCost = spendOn('cost', limits.costPerToken);
  return {
    async admit(caller) {
      if (caller.kind !== 'integration') return [];
      return Promise.all([spendToken(caller.tokenId, 1), spendIntegration(caller.integrationId, 1)]);
    },
    async charge(caller, cost) {
      if (caller.kind !== 'integration' || cost < 1) return;
      const state = await spendCost(caller.tokenId, cost);
      if (!state.granted) throw exceeded(state);
    },
  };
}

/** The refusal that a state asks for. */
export const exceeded = ({ allowance, limit, resetSeconds }: AllowanceState): DomainError =>
  new DomainError('QUOTA_EXCEEDED', { detail: SENTENCES[allowance](limit), retryAfterSeconds: resetSeconds });

const SENTENCES: Record<Allowance, (limit: number) => string> = {
  token: (limit) => `A token may make ${limit} requests within a minute.`,
  integration: (limit) => `All tokens of an integration together may make ${limit} requests within a minute.`,
  cost: (limit) => `The documents that a token runs may cost ${limit} within a minute.`,
};

function meterOf(store: SharedStore, allowance: Allowance, limit: number): Meter {
  const shared = sharedMeter(store.redis, `${store.prefix}:quota:${allowance}`, limit);
  const share = localMeter(() => Math.max(1, Math.floor(limit / store.gateways())));
  return {
    async spend(key, amount) {
      if (!store.isUsable()) return share.spend(key, amount);
      try {
        return await shared.spend(key, amount);
      } catch (error) {
        store.failed(error);
        return share.spend(key, amount);
      }
    },
  };
}
