import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** Asked before anything is kept to a core: afterwards the system counts that one alone. */
const CORES = availableParallelism();

/** Keeps a process to one core, where the system has a way to say so; elsewhere the scheduler decides. */
export const keepToCore = (pid: number, core: number): void => keepTo(pid, String(core));

/** Lets a process, and whatever it starts from now on, use every core again. */
export const letUseEveryCore = (pid: number): void => keepTo(pid, `0-${CORES - 1}`);

function keepTo(pid: number, cores: string): void {
  if (CORES < 2) return;
  spawnSync('taskset', ['-acp', cores, String(pid)], { stdio: 'ignore' });
}

/** The machine in general terms, so that a figure can be placed and nobody's machine is named. */
export function describeMachine(): string {
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const family = /(EPYC|Xeon|Ryzen|Core|Apple M\d|Graviton)/i.exec(cpus()[0]?.model ?? '')?.[1] ?? process.arch;
  return `${CORES} cores (${family}), ${gigabytes} GB, ${process.platform}, Node ${process.versions.node}`;
}
