import type { WorkersConfig } from '@bridgework/kernel/config';
import type { Context } from '@bridgework/kernel/context';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import { newId } from '@bridgework/kernel/ids';
import { openQueues } from '@bridgework/kernel/jobs';
import type { Running } from '@bridgework/kernel/lifecycle';
import type { Logger } from '@bridgework/kernel/logger';
import type { Metrics } from '@bridgework/kernel/metrics';
import { readSealingKeys } from '@bridgework/kernel/sealed-secret';
import { startMailer } from './alerts/mailer.ts';
import { startHeadExporter } from './audit/head-exporter.ts';
import { startSealWatch } from './audit/seal-watch.ts';
import { startSealer } from './audit/sealer.ts';
import { startDailyJobs } from './daily/run-daily.ts';
import { startImporter } from './imports/importer.ts';
import { startLaneJobs } from './jobs.ts';
import { type MessageSettings, startMessages } from './messages/start-messages.ts';
import { createEgress } from './outbound/egress.ts';
import { startDispatcher } from './outbox/dispatcher.ts';
import type { Repeating } from './schedule.ts';
import { createBreakers } from './webhooks/breakers.ts';
import { createLanes } from './webhooks/lane.ts';
import { watchWebhooks } from './webhooks/metrics.ts';
import { startRedriver } from './webhooks/redriver.ts';
import { createSettler } from './webhooks/settler.ts';
import { startSweeper } from './webhooks/sweeper.ts';
import { startVerifier } from './webhooks/verifier.ts';

export type WorkersSettings = Pick<
  WorkersConfig,
  | 'CLINIC_ENV'
  | 'WORKERS_DATABASE_URL'
  | 'REDIS_URL'
  | 'SECRETS_KEY'
  | 'EGRESS_ALLOW'
  | 'AUDIT_SIGNING_KEY'
  | 'DATA_DIR'
> &
  Partial<Pick<WorkersConfig, 'SMTP_URL' | 'ALERT_MAIL_FROM' | 'ALERT_MAIL_TO'>> &
  MessageSettings;

export interface WorkersDependencies {
  readonly log: Logger;
  /** What is watched of this process; not given, nothing is. */
  readonly metrics?: Metrics;
  /** How long alerts are gathered before a mail goes out. */
  readonly mailEveryMs?: number;
  /** Between two looks for messages to plan and to send. */
  readonly messagesEveryMs?: number;
  /** How long a message provider may take to answer; 10 s when not given. */
  readonly providerDeadlineMs?: number;
  /** From when on overdue deliveries are a trouble of ours. */
  readonly dueAgeLimitSeconds?: number;
  readonly now?: () => Date;
  readonly random?: () => number;
  /** Instead of the default schedule, for endpoints without one of their own. */
  readonly scheduleSeconds?: readonly number[];
  /** Instead of the default, between two challenges of an endpoint. */
  readonly challengeScheduleSeconds?: readonly number[];
  /** How long a lease lasts beyond an endpoint's time-out. */
  readonly leaseMarginMs?: number;
}

export interface Workers {
  /** Resolves once everything runs. */
  start(): Promise<void>;
  /** Takes nothing new, lets what is on the way arrive, writes it down. */
  close(): Promise<void>;
}

/** One second on a claim, and time to write the result down when the database is slow. */
const LEASE_MARGIN_MS = 5_000;
/** On closing, receivers get this long to answer; the supervisor gives a process ten seconds. */
const DRAIN_MS = 8_000;

/** With the queue's six, a process and its successor fit into the role's limit together. */
const MAX_CONNECTIONS = 6;

/** The workers of one process. Connects when started. */
export function buildWorkers(config: WorkersSettings, deps: WorkersDependencies): Workers {
  let starting: Promise<Running> | undefined;
  return {
    async start() {
      starting ??= startWorkers(config, deps);
      await starting;
    },
    async close() {
      const running = await starting;
      await running?.close();
    },
  };
}

async function startWorkers(config: WorkersSettings, deps: WorkersDependencies): Promise<Running> {
  const database = openDatabase({
    url: config.WORKERS_DATABASE_URL,
    applicationName: 'workers',
    maxConnections: MAX_CONNECTIONS,
    plans: 'by-index',
  });
  const contextOf = contexts(database, deps);
  const queues = await openQueues(
    config.REDIS_URL === undefined ? { databaseUrl: config.WORKERS_DATABASE_URL } : { redisUrl: config.REDIS_URL },
    deps.log,
  );
  const sealingKeys = readSealingKeys(config.SECRETS_KEY);
  const environment = config.CLINIC_ENV;
  const egress = createEgress({ environment, allow: config.EGRESS_ALLOW, now: contextOf('webhook.deliver').now });
  const breakers = createBreakers(contextOf('webhook.deliver').now);
  const lanes = createLanes(contextOf('webhook.deliver'), {
    environment,
    sealingKeys,
    egress,
    breakers,
    settler: createSettler(contextOf('webhook.deliver'), breakers),
    leaseMarginMs: deps.leaseMarginMs ?? LEASE_MARGIN_MS,
    random: deps.random ?? Math.random,
    wake: (endpointIds) => jobs.wake(endpointIds),
    attempted: (outcome, durationMs) => watched?.attempted(outcome, durationMs),
    ...(deps.scheduleSeconds === undefined ? {} : { scheduleSeconds: deps.scheduleSeconds }),
  });
  const watched = deps.metrics && watchWebhooks(deps.metrics, contextOf('metrics.read'), lanes.inFlight);
  const jobs = startLaneJobs(queues, lanes, deps.log);
  const repeating: readonly Repeating[] = [
    startDispatcher(contextOf('outbox.dispatch'), jobs.wake),
    startSweeper(contextOf('webhook.sweep'), jobs.wake, deps.dueAgeLimitSeconds),
    startRedriver(contextOf('webhook.redrive')),
    ...startMailing(config, contextOf('alert.mail'), deps),
    startVerifier(contextOf('endpoint.verify'), {
      environment,
      sealingKeys,
      egress,
      ...(deps.challengeScheduleSeconds === undefined ? {} : { scheduleSeconds: deps.challengeScheduleSeconds }),
    }),
    startDailyJobs(contextOf),
    startSealWatch(contextOf('audit.watch')),
    startImporter(contextOf('appointment.import')),
    ...startMessages(config, {
      egress,
      contextOf,
      random: deps.random ?? Math.random,
      metrics: deps.metrics,
      everyMs: deps.messagesEveryMs,
      deadlineMs: deps.providerDeadlineMs,
    }),
  ];
  const sealer = startSealer(contextOf('audit.seal'));
  const heads = startHeadExporter(contextOf('audit.export_head'), {
    dataDir: config.DATA_DIR,
    signingKey: config.AUDIT_SIGNING_KEY,
  });
  return {
    async close() {
      const drained = Promise.all([...repeating.map((one) => one.close()), jobs.close(), lanes.close()]);
      // A receiver that hangs longer than we may is cut off; its lease runs out and another worker tries again.
      await Promise.race([drained, deadline(DRAIN_MS)]);
      await egress.close();
      await drained;
      await queues.close();
      // Last, so that the exported head covers what was just written down.
      await sealer.close();
      await heads.close();
      await database.close();
    },
  };
}

function startMailing(config: WorkersSettings, ctx: Context, deps: WorkersDependencies): readonly Repeating[] {
  const { SMTP_URL: smtpUrl, ALERT_MAIL_FROM: from = '', ALERT_MAIL_TO: to = [] } = config;
  if (smtpUrl === undefined || to.length === 0) return [];
  return [
    startMailer(ctx, { smtpUrl, from, to, ...(deps.mailEveryMs === undefined ? {} : { everyMs: deps.mailEveryMs }) }),
  ];
}

/** Each kind of job acts under its own name in the audit log. */
function contexts(database: Database, deps: WorkersDependencies): (job: string) => Context {
  const now = deps.now ?? (() => new Date());
  return (job) => ({
    db: database.db,
    caller: { kind: 'system', job },
    now,
    log: deps.log.child({ job }),
    requestId: newId('req'),
  });
}

const deadline = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
