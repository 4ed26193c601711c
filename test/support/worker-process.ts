import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AUDIT_SIGNING_KEY, SECRETS_KEY, type WebhookClinic } from './webhook-clinic.ts';

const MAIN = fileURLToPath(new URL('../../workers/src/main.ts', import.meta.url));

export interface WorkerProcessOptions {
  /** What the egress guard lets through: the origins of the receivers. */
  readonly allow: readonly string[];
  readonly redisUrl?: string | undefined;
}

/** The worker process itself, to be killed, frozen and told to stop by its id. Resolves once it runs. */
export async function forkWorkers(
  clinic: Pick<WebhookClinic, 'urlFor' | 'dataDir'>,
  { allow, redisUrl }: WorkerProcessOptions,
): Promise<ChildProcess> {
  const child = fork(MAIN, {
    // As the supervisor starts it.
    execArgv: ['--max-semi-space-size=32', '--conditions=@bridgework/source', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      CLINIC_ENV: 'sandbox',
      LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
      WORKERS_DATABASE_URL: clinic.urlFor('bridgework_workers'),
      ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
      SECRETS_KEY,
      AUDIT_SIGNING_KEY,
      DATA_DIR: clinic.dataDir,
      EGRESS_ALLOW: allow.join(','),
    },
  });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`The workers ended with ${code}.`)));
  });
  return child;
}

/** Ends a process that was forked here, at once. */
export async function killNow(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
