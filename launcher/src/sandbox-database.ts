import { setTimeout } from 'node:timers/promises';
import type { LauncherConfig } from '@bridgework/kernel/config';
import {
  type EmbeddedPostgres,
  isFree,
  PortTakenError,
  startEmbeddedPostgres,
} from '@bridgework/kernel/embedded-postgres';
import { type LoginRole, migrate } from '@bridgework/kernel/migrate';
import postgres from 'postgres';
import { PlainError } from './plain-error.ts';
import type { Secrets } from './secrets.ts';

export interface SandboxDatabase {
  readonly port: number;
  readonly ownerUrl: string;
  urlFor(role: LoginRole): string;
  stop(): Promise<void>;
}

const DATABASE = 'bridgework';
const PORTS_TRIED = 50;

/** A login on the sandbox's database. */
export const databaseUrl = (port: number, user: string, password: string): string =>
  `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${DATABASE}`;

const LOOK_EVERY_MS = 500;

export interface OpenOptions {
  readonly config: Pick<LauncherConfig, 'PG_PORT' | 'PG_BIN_DIR'>;
  readonly dataDir: string;
  readonly secrets: Secrets;
  /** The port of last time; free again, it is taken again. */
  readonly lastPort: number | undefined;
  readonly say: (sentence: string) => void;
}

/** Starts (or adopts) the embedded PostgreSQL and brings its database up to date. */
export async function openSandboxDatabase(options: OpenOptions): Promise<SandboxDatabase> {
  const server = await startOnFreePort(options);
  try {
    const url = (user: string, password: string) => databaseUrl(server.port, user, password);
    const ownerUrl = url('postgres', options.secrets.superuserPassword);
    await createDatabase(server.ownerUrl);
    await migrate({ ownerUrl, environment: 'sandbox', rolePasswords: options.secrets.rolePasswords });
    const keeper = keepAlive(server, () => startOnPort(options, server.port), options.say);
    return {
      port: server.port,
      ownerUrl,
      urlFor: (role) => url(role, options.secrets.rolePasswords[role]),
      stop: keeper.stop,
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startOnFreePort(options: OpenOptions): Promise<EmbeddedPostgres> {
  const first = options.lastPort ?? options.config.PG_PORT;
  for (let port = first; port < first + PORTS_TRIED; port += 1) {
    if (port !== first && !(await isFree(port))) continue;
    try {
      return await startOnPort(options, port);
    } catch (error) {
      // What it says is meant for whoever starts it.
      if (!(error instanceof PortTakenError)) throw new PlainError((error as Error).message, { cause: error });
    }
  }
  throw new PlainError(`No port from ${first} to ${first + PORTS_TRIED - 1} is free for the database. Set PG_PORT.`);
}

const startOnPort = ({ config, dataDir, secrets }: OpenOptions, port: number): Promise<EmbeddedPostgres> =>
  startEmbeddedPostgres({
    ...{ dataDir, port, binDir: config.PG_BIN_DIR },
    superuserPassword: secrets.superuserPassword,
  });

/** A server that was killed recovers when it is started again; the processes reconnect by themselves. */
function keepAlive(
  first: EmbeddedPostgres,
  startAgain: () => Promise<EmbeddedPostgres>,
  say: (sentence: string) => void,
): { stop(): Promise<void> } {
  let server = first;
  const stopped = new AbortController();
  const watch = async () => {
    for (;;) {
      await setTimeout(LOOK_EVERY_MS, undefined, { signal: stopped.signal });
      if (server.isAlive()) continue;
      say('PostgreSQL: ended unexpectedly; starting it again.');
      try {
        server = await startAgain();
        say('PostgreSQL: serving again.');
      } catch (error) {
        say(`PostgreSQL: ${(error as Error).message}`);
      }
    }
  };
  const watching = watch().catch(() => undefined);
  return {
    stop: async () => {
      stopped.abort();
      await watching;
      await server.stop();
    },
  };
}

async function createDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const [found] = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found === undefined) await sql.unsafe(`create database ${DATABASE}`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
