import type { Logger } from '@bridgework/kernel/logger';
import type { Environment } from '@bridgework/schema';
import { Redis } from 'ioredis';

/** The Redis in which several gateways count together, or the knowledge that it is away. */
export interface SharedStore {
  readonly redis: Redis;
  /** Begins every key of ours: two environments may share a Redis. */
  readonly prefix: string;
  isUsable(): boolean;
  /** It did not answer: it is left alone for a moment, so that not every request waits for it. */
  failed(error: unknown): void;
  /** How many gateways counted here when it was last seen; {@link UNSEEN_GATEWAYS} when it never was. */
  gateways(): number;
  close(): Promise<void>;
}

/** Slower than this counts as away. Requests wait for it, but a process that was busy itself must not blame the store. */
const COMMAND_TIMEOUT_MS = 500;
const LEFT_ALONE_MS = 5000;
const PRESENCE_MS = 5000;
/** A gateway that has not shown itself for so long is gone. */
const GONE_MS = 3 * PRESENCE_MS;
const LOG_MS = 30_000;
/** A store that was never seen may be shared by so many. */
export const UNSEEN_GATEWAYS = 4;

export interface SharedStoreOptions {
  readonly url: string;
  readonly environment: Environment;
  readonly gatewayId: string;
  readonly now: () => Date;
  readonly log: Logger;
}

export function openSharedStore({ url, environment, gatewayId, now, log }: SharedStoreOptions): SharedStore {
  const prefix = `bridgework:${environment}`;
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: 1000,
    retryStrategy: () => 500,
  });
  let leftAloneUntil = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  let gateways = UNSEEN_GATEWAYS;
  const failed = (error: unknown) => {
    leftAloneUntil = performance.now() + LEFT_ALONE_MS;
    if (performance.now() - loggedAt < LOG_MS) return;
    loggedAt = performance.now();
    log.warn({ reason: error instanceof Error ? error.message : 'unknown' }, 'quota_store.away');
  };
  const show = () => {
    countGateways(redis, `${prefix}:gateways`, gatewayId, now().getTime()).then((count) => {
      gateways = count;
    }, failed);
  };
  redis.on('error', failed);
  redis.on('ready', show);
  const presence = setInterval(show, PRESENCE_MS);
  presence.unref();
  return {
    redis,
    prefix,
    isUsable: () => redis.status === 'ready' && performance.now() >= leftAloneUntil,
    failed,
    gateways: () => gateways,
    async close() {
      clearInterval(presence);
      if (redis.status === 'ready') await redis.zrem(`${prefix}:gateways`, gatewayId).catch(() => undefined);
      redis.disconnect();
    },
  };
}

/** Each gateway shows itself here by the time it was last alive; answers how many are. */
async function countGateways(redis: Redis, key: string, gatewayId: string, at: number): Promise<number> {
  const results = await redis
    .multi()
    .zadd(key, at, gatewayId)
    .zremrangebyscore(key, '-inf', at - GONE_MS)
    .zcard(key)
    .pexpire(key, GONE_MS)
    .exec();
  const count = Number(results?.[2]?.[1]);
  if (!Number.isInteger(count) || count < 1) throw new Error('The gateways could not be counted.');
  return count;
}
