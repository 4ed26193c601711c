import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Environment } from '@bridgework/schema';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
import { contractPath } from './contract-files.ts';

/** The logins, one per process and subgraph, each with the least it needs (schema/migrations/*_grants.sql). */
export const LOGIN_ROLES = [
  'core_app',
  'bridgework_appointment',
  'bridgework_billing',
  'bridgework_inventory',
  'bridgework_integration',
  'bridgework_workers',
] as const;
export type LoginRole = (typeof LOGIN_ROLES)[number];

/** Owns every object; nobody logs in as it. */
export const OWNER_ROLE = 'bridgework_owner';

export interface MigrateOptions {
  /** A login that may create roles: the cluster's superuser, or the database's owner with CREATEROLE. */
  readonly ownerUrl: string;
  /** Written once into the database; from then on every other value is refused. */
  readonly environment: Environment;
  readonly rolePasswords: Readonly<Record<LoginRole, string>>;
  /** For a cluster of tests, where many databases share the roles: one limit for all of them. */
  readonly connectionLimit?: number;
}

/**
 * What a role may hold of the server. Partner load, or a process of ours that is stuck, must not hold up the clinic's own
 * application: our roles wait a second for a lock, keep an idle transaction for two, and leave it connections enough.
 * The core's own role has no limits of ours.
 */
const ROLE_LIMITS: Readonly<Record<LoginRole, RoleLimits>> = {
  core_app: { connections: -1 },
  bridgework_appointment: { connections: 12, statementMs: 5_000 },
  bridgework_billing: { connections: 12, statementMs: 5_000 },
  bridgework_inventory: { connections: 12, statementMs: 5_000 },
  bridgework_integration: { connections: 16, statementMs: 5_000 },
  bridgework_workers: { connections: 24, statementMs: 15_000 },
};
interface RoleLimits {
  /** -1 is none. */
  readonly connections: number;
  readonly statementMs?: number;
}

/** Any constant: it stands for "somebody migrates this database". */
const MIGRATION_LOCK = 7_011_064_200;

/**
 * Brings a database up to date: roles and their passwords, every migration that is missing, the environment's row.
 * Processes that do so at once queue on an advisory lock. Returns the names of the migrations it applied.
 *
 * Throws when the database belongs to the other environment.
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const sql = postgres(options.ownerUrl, {
    max: 1,
    connection: { application_name: 'bridgework-migrate' },
    onnotice: () => undefined,
  });
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await refuseOtherEnvironment(sql, options.environment);
    await createRoles(sql);
    await secureDatabase(sql);
    const before = await appliedUntil(sql);
    await applyMigrations(drizzle(sql), { migrationsFolder: migrationsFolder() });
    await sql`insert into integration.environment (name) values (${options.environment}) on conflict do nothing`;
    for (const role of LOGIN_ROLES) {
      await setLimits(sql, role, options.connectionLimit);
      await setPassword(sql, role, options.rolePasswords[role]);
    }
    return readJournal()
      .filter(({ when }) => when > before)
      .map(({ tag }) => tag);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * Rights on the database itself. They are not copied when a database is cloned from a template, so whoever clones one
 * calls this again.
 */
export async function secureDatabase(sql: Sql): Promise<void> {
  const [row] = await sql<[{ name: string }]>`select quote_ident(current_database()) as name`;
  await onCatalogRace(() => sql.unsafe(`revoke all on database ${row.name} from public`));
  await onCatalogRace(() => sql.unsafe(`grant connect on database ${row.name} to ${LOGIN_ROLES.join(', ')}`));
  await onCatalogRace(() => sql.unsafe(`grant create on database ${row.name} to ${OWNER_ROLE}`));
}

async function refuseOtherEnvironment(sql: Sql, wanted: Environment): Promise<void> {
  const [known] = await sql<{ exists: boolean }[]>`select to_regclass('integration.environment') is not null as exists`;
  if (known?.exists !== true) return;
  const [row] = await sql<{ name: string }[]>`select name from integration.environment`;
  if (row === undefined || row.name === wanted) return;
  throw new Error(
    `This database belongs to the ${row.name} environment, but CLINIC_ENV says ${wanted}. ` +
      `Set CLINIC_ENV=${row.name}, or point DATABASE_URL at the ${wanted} database.`,
  );
}

async function createRoles(sql: Sql): Promise<void> {
  for (const role of [OWNER_ROLE, ...LOGIN_ROLES]) {
    const [found] = await sql`select 1 from pg_roles where rolname = ${role}`;
    if (found !== undefined) continue;
    const login = role === OWNER_ROLE ? 'nologin' : 'login';
    await onCatalogRace(() => sql.unsafe(`create role ${role} ${login} noinherit nocreatedb nocreaterole`));
  }
}

async function setLimits(sql: Sql, role: LoginRole, connectionLimit: number | undefined): Promise<void> {
  const { connections, statementMs } = ROLE_LIMITS[role];
  await onCatalogRace(() => sql.unsafe(`alter role ${role} connection limit ${connectionLimit ?? connections}`));
  if (statementMs === undefined) return;
  const settings = {
    statement_timeout: statementMs,
    lock_timeout: 1_000,
    idle_in_transaction_session_timeout: 2_000,
  };
  for (const [name, value] of Object.entries(settings)) {
    await onCatalogRace(() => sql.unsafe(`alter role ${role} set ${name} = ${value}`));
  }
}

/** Sends the SCRAM verifier, so that no password in clear can stand in a server's log. */
async function setPassword(sql: Sql, role: LoginRole, password: string): Promise<void> {
  const salt = randomBytes(16);
  const iterations = 4096;
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const verifier = `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
  await onCatalogRace(() => sql.unsafe(`alter role ${role} password '${verifier}'`));
}

/** Roles belong to the cluster, the advisory lock to a database: two databases migrated at once can meet here. */
async function onCatalogRace(change: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      await change();
      return;
    } catch (error) {
      if (isAlreadyThere(error)) return;
      if (!isConcurrentUpdate(error) || Date.now() > deadline) throw error;
    }
  }
}

const codeOf = (error: unknown): unknown => (error instanceof postgres.PostgresError ? error.code : undefined);
/** duplicate_object, or its race: a unique violation in the catalog. */
const isAlreadyThere = (error: unknown): boolean => codeOf(error) === '42710' || codeOf(error) === '23505';
const isConcurrentUpdate = (error: unknown): boolean =>
  codeOf(error) === 'XX000' && error instanceof Error && error.message.includes('concurrently updated');

interface JournalEntry {
  readonly tag: string;
  readonly when: number;
}

const journalPath = (): string => contractPath('migrations/meta/_journal.json');
const migrationsFolder = (): string => dirname(dirname(journalPath()));

function readJournal(): readonly JournalEntry[] {
  const journal = JSON.parse(readFileSync(journalPath(), 'utf8')) as { entries: readonly JournalEntry[] };
  return journal.entries;
}

/** The journal time of the newest migration this database has; drizzle applies what is newer. */
async function appliedUntil(sql: Sql): Promise<number> {
  const [known] = await sql<{ exists: boolean }[]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as exists`;
  if (known?.exists !== true) return 0;
  const [row] = await sql<
    { latest: string | null }[]
  >`select max(created_at) as latest from drizzle.__drizzle_migrations`;
  return Number(row?.latest ?? 0);
}
