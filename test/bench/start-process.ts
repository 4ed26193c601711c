import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '@bridgework/launcher';
import { keepToCore } from './cores.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ProcessOptions {
  /** Kept to this core; without it the scheduler places it. */
  readonly core?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A part of the benchmark itself, run from its source in a process of its own. */
export function startSource(file: string, options: ProcessOptions): Started {
  const path = fileURLToPath(new URL(`processes/${file}`, import.meta.url));
  return start(path, ['--conditions=@bridgework/source', '--import', 'tsx'], options);
}

/** A process of the product, as it was built. */
export function startBuilt(path: string, options: ProcessOptions): Started {
  const { BENCH_PROFILE: folder } = process.env;
  const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  return start(`${ROOT}${path}`, [...NODE_FLAGS, ...profiling], options);
}

function start(path: string, execArgv: string[], { core, env = {} }: ProcessOptions): Started {
  const child = fork(path, [], {
    cwd: ROOT,
    execArgv,
    env: { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', process.env.BENCH_LOG === undefined ? 'ignore' : 'inherit', 'inherit', 'ipc'],
  });
  const pid = child.pid ?? 0;
  if (core !== undefined) keepToCore(pid, core);
  return {
    child,
    pid,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const impatient = setTimeout(() => child.kill('SIGKILL'), 5000);
      await once(child, 'exit');
      clearTimeout(impatient);
    },
  };
}

/** The next message of a process; throws when it ends instead. */
export async function messageOf<Message>({ child }: Started): Promise<Message> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Message));
    child.once('exit', (code) => reject(new Error(`A process of the benchmark ended with ${code}.`)));
  });
}

/** Memory that a process holds, in bytes; not a number where the system does not say. */
export function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  } catch {
    return Number.NaN;
  }
}

/** CPU time that a process has used, in ms; not a number where the system does not say. */
export function cpuMs(pid: number): number {
  try {
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const [user, system] = fields.split(' ').slice(11, 13);
    return (Number(user) + Number(system)) * 10;
  } catch {
    return Number.NaN;
  }
}

/** Waits until a gateway on this port says that it is ready. */
export async function untilReady(port: number): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await wait(10)) {
    const status = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
  }
  throw new Error('The gateway did not become ready in time.');
}
