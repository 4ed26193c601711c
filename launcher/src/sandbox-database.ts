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
  readonly server: EmbeddedPostgres;
  readonly ownerUrl: string;
  urlFor(role: LoginRole): string;
}

const DATABASE = 'bridgework';
const PORTS_TRIED = 50;

export interface OpenOptions {
  readonly config: Pick<LauncherConfig, 'PG_PORT' | 'PG_BIN_DIR'>;
  readonly dataDir: string;
  readonly secrets: Secrets;
  /** The port of last time; free again, it is taken again. */
  readonly lastPort: number | undefined;
}

/** Starts (or adopts) the embedded PostgreSQL and brings its database up to date. */
export async function openSandboxDatabase(options: OpenOptions): Promise<SandboxDatabase> {
  const server = await startOnFreePort(options);
  try {
    const url = (user: string, password: string) =>
      `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${server.port}/${DATABASE}`;
    const ownerUrl = url('postgres', options.secrets.superuserPassword);
    await createDatabase(server.ownerUrl);
    await migrate({ ownerUrl, environment: 'sandbox', rolePasswords: options.secrets.rolePasswords });
    return { server, ownerUrl, urlFor: (role) => url(role, options.secrets.rolePasswords[role]) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startOnFreePort({ config, dataDir, secrets, lastPort }: OpenOptions): Promise<EmbeddedPostgres> {
  const first = lastPort ?? config.PG_PORT;
  for (let port = first; port < first + PORTS_TRIED; port += 1) {
    if (port !== first && !(await isFree(port))) continue;
    try {
      return await startEmbeddedPostgres({
        dataDir,
        port,
        superuserPassword: secrets.superuserPassword,
        binDir: config.PG_BIN_DIR,
      });
    } catch (error) {
      // What it says is meant for whoever starts it.
      if (!(error instanceof PortTakenError)) throw new PlainError((error as Error).message, { cause: error });
    }
  }
  throw new PlainError(`No port from ${first} to ${first + PORTS_TRIED - 1} is free for the database. Set PG_PORT.`);
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
