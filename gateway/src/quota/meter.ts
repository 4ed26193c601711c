import type { Redis } from 'ioredis';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** What spending came to, in the minute that began with the key's first spending. */
export interface Spent {
  readonly granted: boolean;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** Counts what each key spends of an allowance per minute. */
export interface Meter {
  /** Counts nothing when it does not grant. Throws when the store it counts in does not answer. */
  spend(key: string, amount: number): Promise<Spent>;
}

const WINDOW_SECONDS = 60;

/** Counts in this process. `limit` is asked at each spending. */
export function localMeter(limit: () => number): Meter {
  const limiter = new RateLimiterMemory({ points: limit(), duration: WINDOW_SECONDS });
  return {
    spend(key, amount) {
      limiter.points = limit();
      return spendFrom(limiter, key, amount);
    },
  };
}

/** Counts in Redis, together with every other gateway that uses the same name. */
export function sharedMeter(redis: Redis, name: string, limit: number): Meter {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: name,
    points: limit,
    duration: WINDOW_SECONDS,
    rejectIfRedisNotReady: true,
  });
  return { spend: (key, amount) => spendFrom(limiter, key, amount) };
}

async function spendFrom(limiter: RateLimiterAbstract, key: string, amount: number): Promise<Spent> {
  try {
    return spent(true, await limiter.consume(key, amount));
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    // The limiter has counted what it refused; given back, so that a dear document does not shut out a cheap one.
    const now = await limiter.reward(key, amount);
    return spent(false, now);
  }
}

const spent = (granted: boolean, { remainingPoints, msBeforeNext }: RateLimiterRes): Spent => ({
  granted,
  remaining: Math.max(0, remainingPoints),
  resetSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)),
});
