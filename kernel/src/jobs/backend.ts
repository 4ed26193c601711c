import type { Logger } from '../logger.ts';

export interface QueueJob {
  readonly name: string;
  /** While a job of this id waits or runs, adding it again does nothing. */
  readonly id: string;
  /** Ids alone: never a secret, never personal data. */
  readonly data: Readonly<Record<string, string>>;
}

export interface WorkOptions {
  readonly queue: string;
  readonly concurrency: number;
  readonly handle: (job: QueueJob) => Promise<void>;
  /** The job left the queue, its id is free again; called once per run, also after a failure. */
  readonly finished?: (job: QueueJob) => void;
}

export interface QueueHandle {
  add(
    name: string,
    data: QueueJob['data'],
    options: { jobId: string; removeOnComplete: true; removeOnFail: true },
  ): Promise<unknown>;
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}
export interface WorkerHandle {
  close(force?: boolean): Promise<void>;
}
/** What differs between Redis and PostgreSQL. */
export interface Backend {
  readonly kind: 'redis' | 'postgres';
  ready(): boolean;
  createQueue(name: string): QueueHandle;
  createWorker(options: WorkOptions, log: Logger): WorkerHandle;
  close(): Promise<void>;
}

/** A worker that was killed is noticed after its lock and one round of the stall check: about three seconds. */
const LOCK_DURATION_MS = 2_000;
const STALL_CHECK_MS = 1_000;
const LONGEST_WAIT_SECONDS = 1;

export const workerOptions = ({ concurrency }: WorkOptions) => ({
  concurrency,
  lockDuration: LOCK_DURATION_MS,
  stalledInterval: STALL_CHECK_MS,
  // On PostgreSQL a job that is added just before the worker begins to wait is not always told: the wait itself is short.
  drainDelay: LONGEST_WAIT_SECONDS,
  // A job whose worker died is run again however often that happens: the rows it works on count their own crashes.
  maxStalledCount: 1_000_000,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
});

/** BullMQ's own job, as far as it is looked at. */
export interface BullJob {
  readonly name: string;
  readonly id?: string | undefined;
  readonly data: Readonly<Record<string, string>>;
}

export const toQueueJob = (job: BullJob): QueueJob => ({ name: job.name, id: job.id ?? '', data: job.data });

interface Observable extends WorkerHandle {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'completed', listener: (job: BullJob) => void): unknown;
  on(event: 'failed', listener: (job: BullJob | undefined, error: Error) => void): unknown;
}

/** Listens to what a worker says; without a listener for errors, BullMQ's would end the process. */
export function observe(worker: Observable, { queue, finished }: WorkOptions, log: Logger): WorkerHandle {
  worker.on('error', (error) => log.warn({ queue, reason: error.message }, 'queue.worker_failed'));
  worker.on('completed', (job) => finished?.(toQueueJob(job)));
  worker.on('failed', (job, error) => {
    log.error({ queue, job: job?.id, err: error }, 'job.failed');
    if (job !== undefined) finished?.(toQueueJob(job));
  });
  return worker;
}
