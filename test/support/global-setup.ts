import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
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

/** Starts one throw-away PostgreSQL for the whole run and migrates a template. Nothing is left behind. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'bridgework-test-'));
  // The database's account has to pass through.
  chmodSync(folder, 0o711);
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    superuserPassword: 'test-superuser',
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
