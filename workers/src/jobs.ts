import type { QueueJob, Queues } from '@bridgework/kernel/jobs';
import { QueueUnavailableError } from '@bridgework/kernel/jobs';
import type { Logger } from '@bridgework/kernel/logger';
import { JOBS, type JobName } from '@bridgework/schema';

/** The jobs that the queue carries; each names things by id and finds everything else in PostgreSQL. */
const QUEUE = 'webhooks';
const LANE: JobName = 'webhooks.lane';

/** Lanes that run at once in this process. A lane gives its slot back after a second, whatever its receiver does. */
const LANE_CONCURRENCY = 32;
/** A job that has run leaves the queue in milliseconds, unless the queue lost it meanwhile. */
const LEAVE_MS = 500;

/** Tells that these endpoints have something to send. Never waits and never fails: the sweeper tells again. */
export type WakeLanes = (endpointIds: readonly string[]) => void;

export interface LaneRunner {
  /** Works for one endpoint; true when more is due now. */
  run(endpointId: string): Promise<boolean>;
  /** Something new may be due; true when the running lane looks itself. */
  notice(endpointId: string): boolean;
}

export interface LaneJobs {
  readonly wake: WakeLanes;
  /** Takes no further lane and waits for those that run. */
  close(): Promise<void>;
}

const laneJob = (endpointId: string): QueueJob => ({ name: LANE, id: `lane-${endpointId}`, data: { endpointId } });
const endpointOf = ({ data }: QueueJob): string => JOBS[LANE].parse(data).endpointId;

/**
 * One job per endpoint with something due. While a lane's job waits or runs, adding it again does nothing; a wake-up
 * that comes during the run is told to the lane, or remembered here and added once the job has left the queue.
 *
 * While the queue is away lanes run without it: leases in PostgreSQL, not the queue, keep two workers apart.
 */
export function startLaneJobs(queues: Queues, lanes: LaneRunner, log: Logger): LaneJobs {
  const running = new Map<string, symbol>();
  const again = new Set<string>();
  const pending = new Set<string>();
  const withoutQueue = new Set<Promise<void>>();
  let adding: Promise<void> | undefined;
  let closed = false;

  function wake(endpointIds: readonly string[]): void {
    for (const id of endpointIds) {
      if (!lanes.notice(id)) (running.has(id) ? again : pending).add(id);
    }
    if (pending.size === 0 || adding !== undefined || closed) return;
    adding = addPending().finally(() => {
      adding = undefined;
      wake([]);
    });
  }

  async function addPending(): Promise<void> {
    const ids = [...pending];
    pending.clear();
    try {
      await queues.add(QUEUE, ids.map(laneJob));
    } catch (error) {
      const cause = error instanceof QueueUnavailableError ? error.cause : error;
      log.warn({ endpoints: ids.length, reason: cause instanceof Error ? cause.message : undefined }, 'queue.away');
      for (const id of ids) runWithoutQueue(id);
    }
  }

  function runWithoutQueue(id: string): void {
    if (withoutQueue.size >= LANE_CONCURRENCY || running.has(id)) return;
    const run = handle(id)
      .catch((error: unknown) => log.error({ endpoint: id, err: error }, 'job.failed'))
      .finally(() => {
        withoutQueue.delete(run);
        left(id);
      });
    withoutQueue.add(run);
  }

  async function handle(id: string): Promise<void> {
    const token = Symbol(id);
    running.set(id, token);
    try {
      if (!closed && (await lanes.run(id))) again.add(id);
    } finally {
      setTimeout(() => {
        if (running.get(id) === token) left(id);
      }, LEAVE_MS).unref();
    }
  }

  function left(id: string): void {
    running.delete(id);
    if (again.delete(id)) wake([id]);
  }

  const worker = queues.work({
    queue: QUEUE,
    concurrency: LANE_CONCURRENCY,
    handle: (job) => handle(endpointOf(job)),
    finished: (job) => left(endpointOf(job)),
  });

  return {
    wake,
    async close() {
      closed = true;
      await adding;
      await worker.close();
      await Promise.all(withoutQueue);
    },
  };
}
