import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { prepareStatements } from './prepare-statements.ts';

/** A pool of connections under one role. */
export type Db = PostgresJsDatabase;

/** A transaction. A function that must not run outside one takes this and not {@link Db}. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0];

export interface Database {
  readonly db: Db;
  /** Closes the pool; statements under way get five seconds. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly maxConnections?: number;
}

/**
 * A pool for one role. Its time-outs and connection limit stand on the role itself (schema/migrations), so a process
 * that forgets them is held to them all the same. Column names are written snake_case.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const client = postgres(options.url, {
    max: options.maxConnections ?? 8,
    // Prepared statements are planned for their values each time, as unprepared ones are: what a month's partition or a
    // rare status makes cheap stays so.
    connection: { application_name: options.applicationName, plan_cache_mode: 'force_custom_plan' },
    onnotice: () => undefined,
  });
  return {
    db: drizzle(prepareStatements(client), { casing: 'snake_case' }),
    close: () => client.end({ timeout: 5 }),
  };
}
