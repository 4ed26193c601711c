import { randomBytes } from 'node:crypto';
import { type LoginRole, secureDatabase } from '@bridgework/kernel/migrate';
import postgres, { type Sql } from 'postgres';
import { inject } from 'vitest';

/** A migrated database that belongs to one test file. */
export interface TestDatabase {
  readonly name: string;
  /** The superuser's login: for arranging and for looking, never for what is tested. */
  readonly ownerUrl: string;
  urlFor(role: LoginRole): string;
  /** A pool under a role (or the superuser), closed by {@link TestDatabase.drop}. */
  as(role: LoginRole | 'owner', maxConnections?: number): Sql;
  /** Closes the pools and removes the database. */
  drop(): Promise<void>;
}

/** Clones the run's template, about 0.1 s. Use it in `beforeAll` and drop it in `afterAll`. */
export async function createDatabase(options: { readonly empty?: boolean } = {}): Promise<TestDatabase> {
  const cluster = inject('cluster');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withAdmin(cluster.ownerUrl, (admin) =>
    admin.unsafe(`create database ${name}${options.empty === true ? '' : ` template ${cluster.template}`}`),
  );
  const ownerUrl = urlOf(cluster.ownerUrl, name);
  if (options.empty !== true) await withAdmin(ownerUrl, secureDatabase);
  const urlFor = (role: LoginRole) => urlOf(cluster.ownerUrl, name, role, cluster.rolePasswords[role]);
  const pools: Sql[] = [];
  return {
    name,
    ownerUrl,
    urlFor,
    as(role, maxConnections = 4) {
      const pool = postgres(role === 'owner' ? ownerUrl : urlFor(role), {
        max: maxConnections,
        onnotice: () => undefined,
      });
      pools.push(pool);
      return pool;
    },
    async drop() {
      await Promise.all(pools.map((pool) => pool.end({ timeout: 2 })));
      await withAdmin(cluster.ownerUrl, (admin) => admin.unsafe(`drop database if exists ${name} with (force)`));
    },
  };
}

async function withAdmin<Result>(url: string, work: (admin: Sql) => PromiseLike<Result>): Promise<void> {
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await work(admin);
  } finally {
    await admin.end({ timeout: 2 });
  }
}

function urlOf(base: string, database: string, user?: string, password?: string): string {
  const url = new URL(base);
  url.pathname = `/${database}`;
  if (user !== undefined) url.username = user;
  if (password !== undefined) url.password = password;
  return url.href;
}
