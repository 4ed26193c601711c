import type { Backend, QueueHandle, QueueJob, WorkOptions } from './jobs/backend.ts';
import { openPostgres } from './jobs/postgres.ts';
import { openRedis } from './jobs/redis.ts';
import type { Logger } from './logger.ts';

export type { QueueJob, WorkOptions } from './jobs/backend.ts';

/**
 * The queue, and the only importer of BullMQ. It wakes workers; it is not the truth. Whoever adds a job must be able to
 * add it again from PostgreSQL, because everything in here may be lost at any moment.
 *
 * @see docs/rules.md#failure-handling
 */
export type QueueLocation = { readonly redisUrl: string } | { readonly databaseUrl: string };

export interface QueueWorker {
  /** Takes no further job and waits for those that run. */
  close(): Promise<void>;
}

export interface Queues {
  readonly backend: 'redis' | 'postgres';
  /** Resolves once the jobs are stored. Throws {@link QueueUnavailableError} within two seconds when they cannot be. */
  add(queue: string, jobs: readonly QueueJob[]): Promise<void>;
  work(options: WorkOptions): QueueWorker;
  close(): Promise<void>;
}

/** The queue cannot be reached now. The caller goes on; the sweeper adds again. */
export class QueueUnavailableError extends Error {
  constructor(cause?: unknown) {
    super('The queue is away.', cause === undefined ? undefined : { cause });
    this.name = 'QueueUnavailableError';
  }
}

const ADD_DEADLINE_MS = 2_000;
const CLOSE_DEADLINE_MS = 4_000;

/** Opens the queue on Redis or, without one, on the schema `queue` of our own database. */
export async function openQueues(location: QueueLocation, log: Logger): Promise<Queues> {
  const backend: Backend =
    'redisUrl' in location ? openRedis(location.redisUrl, log) : await openPostgres(location.databaseUrl);
  const queues = new Map<string, QueueHandle>();
  const workers: QueueWorker[] = [];

  function queueOf(name: string): QueueHandle {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const queue = backend.createQueue(name);
    queue.on('error', (error) => log.warn({ queue: name, reason: error.message }, 'queue.failed'));
    queues.set(name, queue);
    return queue;
  }

  return {
    backend: backend.kind,
    async add(name, jobs) {
      if (jobs.length === 0) return;
      for (const { id } of jobs) assertJobId(id);
      const queue = queueOf(name);
      if (!backend.ready()) throw new QueueUnavailableError();
      // A finished or failed job that stayed would swallow every later job of its id without a word.
      // One by one: adding in bulk makes temporary tables on PostgreSQL, which our role may not.
      const added = jobs.map(({ name: job, id, data }) =>
        queue.add(job, data, { jobId: id, removeOnComplete: true, removeOnFail: true }),
      );
      try {
        await within(ADD_DEADLINE_MS, Promise.all(added));
      } catch (error) {
        throw new QueueUnavailableError(error);
      }
    },
    work(options) {
      const worker = backend.createWorker(options, log);
      let closing: Promise<void> | undefined;
      const close = () => {
        // Closing waits for the queue's word on each finished job, which never comes while the queue is away.
        closing ??= orForce(worker.close(), () => worker.close(true), log);
        return closing;
      };
      const handle = { close };
      workers.push(handle);
      return handle;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.allSettled([...queues.values()].map((queue) => within(ADD_DEADLINE_MS, queue.close())));
      await backend.close();
    },
  };
}

/** BullMQ throws on a colon and takes an integer for one of its own ids. */
function assertJobId(id: string): void {
  if (id === '' || id.includes(':') || /^\d+$/.test(id)) throw new TypeError(`"${id}" cannot be a job's id.`);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

async function orForce(closing: Promise<void>, force: () => Promise<void>, log: Logger): Promise<void> {
  try {
    await within(CLOSE_DEADLINE_MS, closing);
  } catch (error) {
    log.warn({ reason: error instanceof Error ? error.message : 'unknown' }, 'queue.close_forced');
    await within(ADD_DEADLINE_MS, force()).catch(() => undefined);
  }
}
