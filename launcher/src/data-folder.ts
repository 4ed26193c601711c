import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PlainError } from './plain-error.ts';

/** Everything the sandbox keeps. One launcher at a time works in it. */
export interface DataFolder {
  readonly path: string;
  file(name: string): string;
  /** True when an earlier launcher was killed here: what it started may still be on its way out. */
  readonly wasAbandoned: boolean;
  release(): void;
}

const LOCK = 'launcher.pid';

/** Throws a plain sentence when the folder cannot be written or another launcher works in it. */
export function takeDataFolder(dataDir: string): DataFolder {
  const path = resolve(dataDir);
  makeWritable(path);
  const lock = join(path, LOCK);
  const wasAbandoned = lockFolder(path, lock);
  return {
    path,
    file: (name) => join(path, name),
    wasAbandoned,
    release: () => rmSync(lock, { force: true }),
  };
}

/** The process id of the launcher that works in this folder, if one does. */
export function findLauncher(dataDir: string): number | undefined {
  const owner = readOwner(join(resolve(dataDir), LOCK));
  return owner !== undefined && isSameProcess(owner) ? owner.pid : undefined;
}

function makeWritable(path: string): void {
  try {
    // Others may pass through to what is theirs (the database's account), but not look around.
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PlainError(
      `The data folder ${path} cannot be written by this user (${code}). Change its owner or mode, or choose another folder: DATA_DIR=/path/of/yours npm start`,
      { cause: error },
    );
  }
}

/** Not mkdir's own `recursive`, which never returns where a folder can be seen to be missing but not be made (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  mkdirSync(path, { mode: 0o711 });
}

interface Owner {
  readonly pid: number;
  /** When the process began, by the kernel's clock: a process id alone may be somebody else's by now. */
  readonly began: string;
}

function lockFolder(path: string, lock: string): boolean {
  const mine = JSON.stringify({ pid: process.pid, began: beginningOf(process.pid) } satisfies Owner);
  for (let abandoned = false; ; abandoned = true) {
    try {
      writeFileSync(lock, mine, { flag: 'wx', mode: 0o600 });
      return abandoned;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = readOwner(lock);
    if (owner !== undefined && isSameProcess(owner)) {
      throw new PlainError(
        `Another launcher (process ${owner.pid}) already runs on ${path}. Stop it with Ctrl-C, or give this one a folder and ports of its own: DATA_DIR=.data2 PORT=4100 npm start`,
      );
    }
    setAside(lock, `${lock}.${process.pid}`);
  }
}

/** Of two who meet an abandoned lock at once, one may hold the other's new one in hand: it gives it back. */
function setAside(lock: string, aside: string): void {
  try {
    renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const owner = readOwner(aside);
  if (owner !== undefined && isSameProcess(owner) && !existsSync(lock)) renameSync(aside, lock);
  else rmSync(aside, { force: true });
}

function readOwner(lock: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(lock, 'utf8')) as Partial<Owner>;
    return { pid: Number(owner.pid), began: String(owner.began) };
  } catch {
    return undefined;
  }
}

function isSameProcess({ pid, began }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return beginningOf(pid) === began;
}

/** Field 22 of /proc/<pid>/stat; where there is no /proc, the process id has to do. */
function beginningOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in brackets, may contain anything; the fields after it do not.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
