import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@bridgework/kernel/embedded-postgres';
import { LOGIN_ROLES, type LoginRole, migrate } from '@bridgework/kernel/migrate';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';

/** What tests need to make databases of their own; see database.ts. */
export interface TestCluster {
  /** The superuser's login on the database `postgres`. */
  readonly ownerUrl: string;
  /** Migrated once; every test's database is a copy of it. */
  readonly template: string;
  readonly rolePasswords: Readonly<Record<LoginRole, string>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly cluster: TestCluster;
  }
}

const TEMPLATE = 'bridgework_template';
const PREFIX = 'bridgework-test-';
const PASSWORD = 'test-superuser';
/** The run that a folder belongs to, so that a later one can clear up after one that was killed. */
const RUN_FILE = 'run.pid';

/** Starts one throw-away PostgreSQL for the whole run and migrates a template. Nothing is left behind. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await clearUpAfterKilledRuns();
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  writeFileSync(join(folder, RUN_FILE), String(process.pid));
  // The database's account has to pass through.
  chmodSync(folder, 0o711);
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    superuserPassword: PASSWORD,
    throwaway: true,
  });
  const stop = async () => {
    await server.stop();
    rmSync(server.dataDir, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await createTemplate(server.ownerUrl, project);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function clearUpAfterKilledRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name);
    const runFile = join(folder, RUN_FILE);
    if (!existsSync(runFile) || isAlive(Number(readFileSync(runFile, 'utf8')))) continue;
    // Adopts the server that was left running, or starts the one that was not: either way it can be stopped cleanly.
    const dataDir = join(folder, 'postgres');
    const server = await startEmbeddedPostgres({
      dataDir,
      port: 0,
      superuserPassword: PASSWORD,
      throwaway: true,
    }).catch(() => undefined);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}

async function createTemplate(ownerUrl: string, project: TestProject): Promise<void> {
  const admin = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await admin.unsafe(`create database ${TEMPLATE}`);
  } finally {
    await admin.end();
  }
  const rolePasswords = Object.fromEntries(LOGIN_ROLES.map((role) => [role, `test-${role}`])) as Record<
    LoginRole,
    string
  >;
  const url = new URL(ownerUrl);
  url.pathname = `/${TEMPLATE}`;
  await migrate({ ownerUrl: url.href, environment: 'sandbox', rolePasswords, connectionLimit: 100 });
  project.provide('cluster', { ownerUrl, template: TEMPLATE, rolePasswords });
}
