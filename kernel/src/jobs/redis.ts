import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { type Backend, observe, toQueueJob, workerOptions } from './backend.ts';

const COMMAND_DEADLINE_MS = 2_000;

/** BullMQ on Redis. It may come and go: nothing here waits for it but the workers. */
export function openRedis(url: string, log: Logger): Backend {
  const retryStrategy = (attempt: number): number => Math.min(attempt * 100, 2_000);
  // Adding must fail at once when Redis is away; waiting for jobs must outlast it.
  const producer = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_DEADLINE_MS,
    retryStrategy,
  });
  const consumer = new Redis(url, { maxRetriesPerRequest: null, retryStrategy });
  for (const connection of [producer, consumer]) {
    connection.on('error', (error: Error) => log.warn({ reason: error.message }, 'redis.failed'));
  }
  return {
    kind: 'redis',
    ready: () => producer.status === 'ready',
    createQueue: (name) => new Queue(name, { connection: producer, skipMetasUpdate: true }),
    createWorker: (options, logger) =>
      observe(
        new Worker(options.queue, (job) => options.handle(toQueueJob(job)), {
          connection: consumer,
          ...workerOptions(options),
        }),
        options,
        logger,
      ),
    close: async () => {
      producer.disconnect();
      consumer.disconnect();
    },
  };
}
