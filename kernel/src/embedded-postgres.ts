import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import postgres from 'postgres';
import { canEnter, chooseAccount } from './embedded-postgres/account.ts';
import { findBinaries } from './embedded-postgres/binaries.ts';
import {
  type Cluster,
  haltServer,
  initialiseCluster,
  launchServer,
  readLogTail,
  readRunningServer,
} from './embedded-postgres/cluster.ts';

export interface EmbeddedPostgresOptions {
  /** Where the data lives; made when missing. Root's may move, see {@link placeOfData}. */
  readonly dataDir: string;
  /** 0 takes any free port. A server that is adopted keeps its own. */
  readonly port: number;
  /** Of the superuser `postgres`; set when the data folder is made. */
  readonly superuserPassword: string;
  /** A folder with a system's own initdb, pg_ctl and postgres (PG_BIN_DIR). */
  readonly binDir?: string | undefined;
  /** For tests: faster, and lost at a power cut. */
  readonly throwaway?: boolean;
}

export interface EmbeddedPostgres {
  /** The superuser's login on the database `postgres`. */
  readonly ownerUrl: string;
  readonly port: number;
  readonly dataDir: string;
  /** True when the server was running already, left over by a launcher that was killed. */
  readonly adopted: boolean;
  /** Whether its process lives; only a connection knows whether it answers. */
  isAlive(): boolean;
  /** Stops the server, adopted or not. Safe to call twice. */
  stop(): Promise<void>;
}

/** Choose another port, or end the program that has this one. */
export class PortTakenError extends Error {
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} on 127.0.0.1 is taken by another program.`);
    this.name = 'PortTakenError';
    this.port = port;
  }
}

const ADOPT_TIMEOUT_MS = 30_000;
/** A process id in an old pid file may be somebody else's by now: nothing listens on the port it names. */
const REFUSED_TIMEOUT_MS = 2_000;
const RETRY_AFTER_MS = 1_500;
const ROOT_PLACE = '/var/lib/bridgework';

/**
 * Starts PostgreSQL on 127.0.0.1, or adopts the one that runs in this folder. It has no unix socket, asks for SCRAM
 * passwords, and stores UTF-8. It neither listens for signals nor ends with us: who starts it, stops it.
 *
 * Throws a sentence that says what to do: the port is taken, the folder is half initialised or unwritable, the password
 * is not the one the folder was made with.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const wanted = resolve(options.dataDir);
  const dataDir = placeOfData(wanted);
  const account = chooseAccount(dataDir);
  const copyTo = dataDir === wanted && account === undefined ? dirname(dataDir) : ROOT_PLACE;
  const cluster: Cluster = {
    dataDir,
    account,
    binaries: findBinaries({ binDir: options.binDir, account, copyTo }),
  };
  const running = await findRunning(cluster, options.superuserPassword);
  if (running !== undefined) return describe(cluster, options.superuserPassword, running, true);

  await initialiseCluster(cluster, options.superuserPassword);
  const port = options.port === 0 ? await freePort() : options.port;
  if (!(await isFree(port))) throw new PortTakenError(port);
  const begin = async () =>
    (await launchServer(cluster, { port, throwaway: options.throwaway ?? false })) &&
    (await askServer(cluster, options.superuserPassword, port)) === 'ours';
  if (!(await begin())) {
    // A postmaster that was killed leaves children behind who hold its memory for a moment.
    await setTimeout(RETRY_AFTER_MS);
    if (!(await begin())) throw new Error(`PostgreSQL did not start in ${dataDir}:\n${readLogTail(cluster)}`);
  }
  return describe(cluster, options.superuserPassword, port, false);
}

/**
 * Where the data really lives. PostgreSQL does not run as root; if the account that root hands it to cannot enter the
 * wanted folder (a clone below a closed home), the data lives in /var/lib/bridgework/<hash of the wanted folder>.
 */
export function placeOfData(wanted: string): string {
  const folder = resolve(wanted);
  const elsewhere = join(ROOT_PLACE, createHash('sha256').update(folder).digest('hex').slice(0, 16));
  const account = chooseAccount(folder);
  if (account === undefined) return folder;
  if (existsSync(join(elsewhere, 'PG_VERSION'))) return elsewhere;
  makeOpenFolder(dirname(folder));
  if (canEnter(account, dirname(folder))) return folder;
  makeOpenFolder(ROOT_PLACE);
  return elsewhere;
}

/** Removes the data for good. Throws while a server runs in the folder. */
export function removeData(wanted: string): void {
  const dataDir = placeOfData(wanted);
  const server = readRunningServer({ dataDir });
  if (server !== undefined) throw new Error(`PostgreSQL runs in ${dataDir} (process ${server.pid}).`);
  rmSync(dataDir, { recursive: true, force: true });
}

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolveFree) => {
    const probe = createServer();
    probe.once('error', () => resolveFree(false));
    probe.listen(port, host, () => probe.close(() => resolveFree(true)));
  });
}

/** The port of the server that runs in this folder, or undefined when none does. */
async function findRunning(cluster: Cluster, password: string): Promise<number | undefined> {
  const begunAt = Date.now();
  for (;;) {
    const server = readRunningServer(cluster);
    if (server === undefined) return undefined;
    const answer = await askServer(cluster, password, server.port);
    if (answer === 'ours') return server.port;
    const waitedMs = Date.now() - begunAt;
    if (answer === 'refused' && waitedMs > REFUSED_TIMEOUT_MS) return undefined;
    if (answer === 'other' || waitedMs > ADOPT_TIMEOUT_MS) return undefined;
    await setTimeout(50);
  }
}

/** Only a connection knows whether a server runs, and its data folder whether it is ours. */
async function askServer(
  cluster: Cluster,
  password: string,
  port: number,
): Promise<'ours' | 'other' | 'starting' | 'refused'> {
  const sql = postgres(urlOf(port, password), { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    const [row] = await sql<{ folder: string }[]>`select current_setting('data_directory') as folder`;
    return row !== undefined && isSameFolder(row.folder, cluster.dataDir) ? 'ours' : 'other';
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '28P01') {
      throw new Error(
        `The database in ${cluster.dataDir} has another password than the one remembered beside it. ` +
          'Restore the secrets file, or forget the data with npm run reset.',
        { cause: error },
      );
    }
    return code === '57P03' ? 'starting' : 'refused';
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function describe(cluster: Cluster, password: string, port: number, adopted: boolean): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  return {
    ownerUrl: urlOf(port, password),
    port,
    dataDir: cluster.dataDir,
    adopted,
    isAlive: () => readRunningServer(cluster) !== undefined,
    stop: () => {
      stopping ??= haltServer(cluster);
      return stopping;
    },
  };
}

/** Others may pass through (the database's account must), nobody may look: secrets beside the data have modes of their own. */
function makeOpenFolder(folder: string): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o711);
}

const urlOf = (port: number, password: string): string =>
  `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
const isSameFolder = (one: string, other: string): boolean => realpathSync(one) === realpathSync(other);
