import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { PlainError } from './plain-error.ts';

export interface ProcessPlan {
  readonly name: string;
  /** The compiled composition root. */
  readonly entry: string;
  /** All it gets to know; our own environment is not passed on. */
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface Supervised {
  readonly name: string;
  /** Resolves when it first says that it serves. */
  readonly ready: Promise<void>;
  /** Of the process that runs now; another one after a restart. */
  pid(): number | undefined;
  /** Asks it to finish, kills it when it has not after the deadline. */
  stop(deadlineMs: number): Promise<void>;
  /** For somebody who has no more patience. */
  kill(): void;
}

export interface SuperviseOptions {
  readonly say: (sentence: string) => void;
}

const READY_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** After so long a life a death is a new one, not the same fault again. */
const STEADY_MS = 30_000;
const MAX_LOG_BYTES = 10_000_000;

/**
 * Starts a process and keeps it alive from its first readiness on: should it die it is started again, after a pause that
 * grows while it keeps dying. `ready` rejects with its last words when it never gets so far.
 */
export function supervise(plan: ProcessPlan, { say }: SuperviseOptions): Supervised {
  let current = launch(plan);
  let stopping = false;

  const keepAlive = async () => {
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const { how, livedMs } = await current.exited;
      if (stopping) return;
      if (livedMs > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      say(`${plan.name}: ended unexpectedly (${how}); starting it again.`);
      await setTimeout(pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      if (stopping) return;
      current = launch(plan);
      const { ready, child } = current;
      ready.then(
        () => say(`${plan.name}: serving again.`),
        () => child.kill('SIGKILL'),
      );
    }
  };
  const kept = current.ready.then(keepAlive, () => undefined);

  return {
    name: plan.name,
    ready: current.ready,
    pid: () => current.child.pid,
    kill: () => {
      current.child.kill('SIGKILL');
    },
    stop: async (deadlineMs) => {
      stopping = true;
      const { child, exited } = current;
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const deadline = globalThis.setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      await exited;
      clearTimeout(deadline);
      await kept;
    },
  };
}

/**
 * What a request needs must not outlive it: with V8's own 16 MB for young objects a loaded gateway moves what is still
 * under way to the old ones again and again, and spends a third of its time on that.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=32'];

interface Launched {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly exited: Promise<{ how: string; livedMs: number }>;
}

function launch(plan: ProcessPlan): Launched {
  mkdirSync(dirname(plan.logFile), { recursive: true, mode: 0o700 });
  startNewLogWhenLarge(plan.logFile);
  const begunAt = Date.now();
  // The file itself, not a pipe of ours: a process whose launcher was killed must be able to write its last lines.
  const log = openSync(plan.logFile, 'a', 0o600);
  const before = statSync(plan.logFile).size;
  const child = spawn(process.execPath, [...NODE_FLAGS, plan.entry], {
    env: plan.environment,
    stdio: ['ignore', log, log, 'ipc'],
    // A group of its own: the terminal's Ctrl-C comes to us alone, and we stop things in their order.
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<{ how: string; livedMs: number }>((resolve) => {
    const ended = (how: string) => resolve({ how, livedMs: Date.now() - begunAt });
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal ?? `exit ${code}`));
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message) => {
      if (isReady(message)) resolve();
    });
    const giveUp = (why: string) =>
      reject(new PlainError(`${plan.name}: ${why}. Its log: ${plan.logFile}\n${readLastWords(plan.logFile, before)}`));
    const timer = globalThis.setTimeout(() => giveUp('did not become ready in time'), READY_TIMEOUT_MS);
    timer.unref();
    exited.then(({ how }) => giveUp(`ended before it was ready (${how})`), reject);
  });
  // Whoever restarts it looks at `exited` alone.
  ready.catch(() => undefined);
  return { child, ready, exited };
}

/** The last lines that were written behind this position. */
const readLastWords = (file: string, position: number): string =>
  readFileSync(file).subarray(position).toString('utf8').trimEnd().split('\n').slice(-8).join('\n');

const isReady = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'ready' in message && message.ready === true;

function startNewLogWhenLarge(file: string): void {
  try {
    if (statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  } catch {
    // There is none yet.
  }
}
