import type { Environment } from '@bridgework/schema';
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from './logger.ts';

/**
 * Redis says to every gateway at once that there may be a new generation, and no more than that: what it is, a gateway
 * learns from the registry alone, signed. Losing a message or the whole Redis costs the gain and nothing else.
 */
const channelOf = (environment: Environment): string => `bridgework:${environment}:control`;

const RETRY_MS = 500;
const LOG_MS = 30_000;

export interface NewsOptions {
  readonly redisUrl: string;
  readonly environment: Environment;
  readonly log: Logger;
}

export interface NewsTeller {
  /** Returns at once; what cannot be said now is not said later. */
  tell(generation: number): void;
  close(): void;
}

/** The registry's side. */
export function openNewsTeller(options: NewsOptions): NewsTeller {
  const redis = connect(options, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  const channel = channelOf(options.environment);
  return {
    tell(generation) {
      if (redis.status === 'ready') redis.publish(channel, String(generation)).catch(() => undefined);
    },
    close: () => redis.disconnect(),
  };
}

/** The gateway's side. `onNews` is called with the generation that was told, and without one after each connection. */
export function hearNews(options: NewsOptions, onNews: (generation: number | undefined) => void): { close(): void } {
  const redis = connect(options, { autoResubscribe: false });
  redis.on('ready', () => {
    redis.subscribe(channelOf(options.environment)).then(
      () => onNews(undefined),
      () => undefined,
    );
  });
  redis.on('message', (_channel: string, text: string) => {
    if (/^\d{1,15}$/.test(text)) onNews(Number(text));
  });
  return { close: () => redis.disconnect() };
}

type Side = Pick<RedisOptions, 'enableOfflineQueue' | 'maxRetriesPerRequest' | 'autoResubscribe'>;

function connect({ redisUrl, log }: NewsOptions, options: Side): Redis {
  const redis = new Redis(redisUrl, { connectTimeout: 1000, retryStrategy: () => RETRY_MS, ...options });
  let loggedAt = Number.NEGATIVE_INFINITY;
  redis.on('error', (error: Error) => {
    if (performance.now() - loggedAt < LOG_MS) return;
    loggedAt = performance.now();
    log.warn({ reason: error.message }, 'control_news.away');
  });
  return redis;
}
