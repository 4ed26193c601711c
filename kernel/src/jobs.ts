import { createPostgresBackend, Queue, runMigrations, Worker, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Logger } from './logger.ts';

/**
 * The queue, and the only importer of BullMQ. It wakes workers; it is not the truth. Whoever adds a job must be able to
 * add it again from PostgreSQL, because everything in here may be lost at any moment.
 *
 * @see docs/rules.md#failure-handling
 */
export type QueueLocation = { readonly redisUrl: string } | { readonly databaseUrl: string };

export interface QueueJob {
  readonly name: string;
  /** While a job of this id waits or runs, adding it again does nothing. */
  readonly id: string;
  /** Ids alone: never a secret, never personal data. */
  readonly data: Readonly<Record<string, string>>;
}

export interface QueueWorker {
  /** Takes no further job and waits for those that run. */
  close(): Promise<void>;
}

export interface WorkOptions {
  readonly queue: string;
  readonly concurrency: number;
  readonly handle: (job: QueueJob) => Promise<void>;
  /** The job left the queue, its id is free again; called once per run, also after a failure. */
  readonly finished?: (job: QueueJob) => void;
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

const QUEUE_SCHEMA = 'queue';
const ADD_DEADLINE_MS = 2_000;
const CLOSE_DEADLINE_MS = 15_000;
/** A worker that was killed is noticed after its lock and one round of the stall check: about three seconds. */
const LOCK_DURATION_MS = 2_000;
const STALL_CHECK_MS = 1_000;

interface QueueHandle {
  addBulk(jobs: { name: string; data: unknown; opts: object }[]): Promise<unknown>;
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}
interface WorkerHandle {
  close(force?: boolean): Promise<void>;
}
interface Backend {
  readonly kind: Queues['backend'];
  ready(): boolean;
  createQueue(name: string): QueueHandle;
  createWorker(options: WorkOptions, log: Logger): WorkerHandle;
  close(): Promise<void>;
}

/** Opens the queue on Redis or, without one, on the schema `queue` of our own database. */
export async function openQueues(location: QueueLocation, log: Logger): Promise<Queues> {
  const backend = 'redisUrl' in location ? openRedis(location.redisUrl, log) : await openPostgres(location.databaseUrl);
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
      const entries = jobs.map(({ name: job, id, data }) => ({
        name: job,
        data,
        opts: { jobId: id, removeOnComplete: true, removeOnFail: true },
      }));
      try {
        await within(ADD_DEADLINE_MS, queue.addBulk(entries));
      } catch (error) {
        throw new QueueUnavailableError(error);
      }
    },
    work(options) {
      const worker = backend.createWorker(options, log);
      // Closing waits for the queue's word on each finished job, which never comes while the queue is away.
      const handle = { close: () => orForce(worker.close(), () => worker.close(true), log) };
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

function openRedis(url: string, log: Logger): Backend {
  const retryStrategy = (attempt: number): number => Math.min(attempt * 100, 2_000);
  // Adding must fail at once when Redis is away; waiting for jobs must outlast it.
  const producer = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: ADD_DEADLINE_MS,
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

async function openPostgres(databaseUrl: string): Promise<Backend> {
  await migrateQueue(databaseUrl);
  const backed = withBackend(createPostgresBackend);
  // BullMQ reads the schema from a pool's options only when it makes the pool itself.
  const connection = (max: number) => ({
    connectionString: databaseUrl,
    schema: QUEUE_SCHEMA,
    max,
    application_name: 'workers queue',
  });
  return {
    kind: 'postgres',
    ready: () => true,
    createQueue: (name) => new backed.Queue(name, { connection: connection(2), skipMetasUpdate: true }),
    createWorker: (options, logger) =>
      observe(
        new backed.Worker(options.queue, (job) => options.handle(toQueueJob(job)), {
          connection: connection(4),
          ...workerOptions(options),
        }),
        options,
        logger,
      ),
    close: async () => undefined,
  };
}

/** Makes BullMQ's tables in the schema that the database's own migrations made and gave to the workers' role. */
async function migrateQueue(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'workers queue migration' });
  await client.connect();
  try {
    // `create schema if not exists` asks for a right on the whole database even when the schema is there. The workers'
    // role does not have it, hence the one statement is left out.
    const query = (text: string, values?: unknown[]) =>
      /^create schema if not exists/i.test(text) ? client.query('select 1') : client.query(text, values);
    await runMigrations({ query } as Parameters<typeof runMigrations>[0], QUEUE_SCHEMA);
  } finally {
    await client.end();
  }
}

const workerOptions = ({ concurrency }: WorkOptions) => ({
  concurrency,
  lockDuration: LOCK_DURATION_MS,
  stalledInterval: STALL_CHECK_MS,
  // A job whose worker died is run again however often that happens: the rows it works on count their own crashes.
  maxStalledCount: 1_000_000,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
});

interface BullJob {
  readonly name: string;
  readonly id?: string | undefined;
  readonly data: Readonly<Record<string, string>>;
}

const toQueueJob = (job: BullJob): QueueJob => ({ name: job.name, id: job.id ?? '', data: job.data });

interface Observable extends WorkerHandle {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'completed', listener: (job: BullJob) => void): unknown;
  on(event: 'failed', listener: (job: BullJob | undefined, error: Error) => void): unknown;
}

function observe(worker: Observable, { queue, finished }: WorkOptions, log: Logger): WorkerHandle {
  worker.on('error', (error) => log.warn({ queue, reason: error.message }, 'queue.worker_failed'));
  worker.on('completed', (job) => finished?.(toQueueJob(job)));
  worker.on('failed', (job, error) => {
    log.error({ queue, job: job?.id, err: error }, 'job.failed');
    if (job !== undefined) finished?.(toQueueJob(job));
  });
  return worker;
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
