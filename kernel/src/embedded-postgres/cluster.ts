import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Account, giveTo, runTool } from './account.ts';
import type { Binaries } from './binaries.ts';

export interface Cluster {
  readonly dataDir: string;
  readonly account: Account | undefined;
  readonly binaries: Binaries;
}

export interface ClusterSettings {
  readonly port: number;
  /** For data nobody will miss: no flushing to disk. */
  readonly throwaway: boolean;
}

/** What the server wrote about itself: process id (line 1) and port (line 4 of postmaster.pid). */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

/**
 * Makes the data folder unless it is there. It is built beside its place and moved into it complete, so that nobody
 * who is interrupted leaves half a cluster. Throws when the folder holds something else.
 */
export async function initialiseCluster(cluster: Cluster, superuserPassword: string): Promise<void> {
  const { dataDir, account, binaries } = cluster;
  if (existsSync(join(dataDir, 'PG_VERSION'))) return requireSameVersion(cluster);
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new Error(
      `${dataDir} is half initialised: it is not empty but holds no PostgreSQL data. Remove it (or choose another DATA_DIR) and start again.`,
    );
  }
  const parent = dirname(dataDir);
  mkdirSync(parent, { recursive: true });
  removeAbandoned(parent, basename(dataDir));
  const building = join(parent, `${basename(dataDir)}.building-${process.pid}`);
  const passwordFile = `${building}.password`;
  mkdirSync(building, { mode: 0o700 });
  giveTo(account, building);
  writeFileSync(passwordFile, `${superuserPassword}\n`, { mode: 0o600 });
  giveTo(account, passwordFile);
  try {
    const parameters = ['-D', building, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    const code = await runTool(account, join(binaries.folder, 'initdb'), [
      ...parameters,
      '--encoding=UTF8',
      ...localeOf(binaries),
      '--no-sync',
      '--no-instructions',
    ]);
    if (code !== 0) throw new Error(`initdb could not make a database in ${dataDir} (exit ${code}).`);
    if (existsSync(dataDir)) rmSync(dataDir, { recursive: true });
    renameSync(building, dataDir);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(building, { recursive: true, force: true });
  }
}

/** Starts the server in the background, where it outlives us. False when it ended at once; a connection decides the rest. */
export async function launchServer(cluster: Cluster, settings: ClusterSettings): Promise<boolean> {
  writeSettings(cluster, settings);
  const log = logOf(cluster);
  rmSync(log, { force: true });
  const start = ['start', '-D', cluster.dataDir, '-l', log, '-w', '-t', '30', '-s'];
  return (await runTool(cluster.account, pgCtl(cluster), start)) === 0;
}

/** Drops connections and stops; at once when that has not helped within ten seconds. */
export async function haltServer(cluster: Cluster): Promise<void> {
  const stop = (mode: string) =>
    runTool(cluster.account, pgCtl(cluster), ['stop', '-D', cluster.dataDir, '-m', mode, '-w', '-t', '10', '-s']);
  if ((await stop('fast')) !== 0 && readRunningServer(cluster) !== undefined) await stop('immediate');
}

/** The server that says it runs in this folder, if its process is alive. */
export function readRunningServer({ dataDir }: Pick<Cluster, 'dataDir'>): RunningServer | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return pid > 0 && port > 0 && isAlive(pid) ? { pid, port } : undefined;
}

/** The last lines of the server's log, for the sentence that says why it did not start. */
export function readLogTail(cluster: Cluster): string {
  try {
    return readFileSync(logOf(cluster), 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  } catch {
    return '';
  }
}

function writeSettings({ dataDir, account }: Cluster, { port, throwaway }: ClusterSettings): void {
  const file = join(dataDir, 'bridgework.conf');
  const settings = {
    port,
    listen_addresses: "'127.0.0.1'",
    unix_socket_directories: "''",
    password_encryption: "'scram-sha-256'",
    timezone: "'UTC'",
    max_connections: 200,
    ...(throwaway ? { fsync: 'off', full_page_writes: 'off' } : {}),
  };
  writeFileSync(
    file,
    `${Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join('')}`,
  );
  giveTo(account, file);
  const main = join(dataDir, 'postgresql.conf');
  const text = readFileSync(main, 'utf8');
  if (!text.includes("include_if_exists = 'bridgework.conf'")) {
    writeFileSync(main, `${text}\ninclude_if_exists = 'bridgework.conf'\n`);
  }
}

/**
 * UTF-8 by code point, the same on every system; upper and lower case know all of Unicode. A system's PostgreSQL
 * before 17 has no such provider of its own and takes the system's C.UTF-8.
 */
function localeOf({ majorVersion }: Binaries): string[] {
  return majorVersion >= 17
    ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    : ['--locale=C.UTF-8'];
}

function requireSameVersion({ dataDir, binaries }: Cluster): void {
  const version = Number.parseInt(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8'), 10);
  if (version !== binaries.majorVersion) {
    throw new Error(
      `${dataDir} was made by PostgreSQL ${version}; this is PostgreSQL ${binaries.majorVersion}. Use the same PG_BIN_DIR as before, or npm run reset.`,
    );
  }
}

function removeAbandoned(parent: string, name: string): void {
  for (const entry of readdirSync(parent)) {
    const pid = /^(?<name>.+)\.building-(?<pid>\d+)(?:\.password)?$/.exec(entry)?.groups;
    if (pid?.name === name && !isAlive(Number(pid.pid))) rmSync(join(parent, entry), { recursive: true, force: true });
  }
}

/** True for a process of another user as well (EPERM). */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const pgCtl = ({ binaries }: Cluster): string => join(binaries.folder, 'pg_ctl');
const logOf = ({ dataDir }: Cluster): string => join(dataDir, 'server.log');
