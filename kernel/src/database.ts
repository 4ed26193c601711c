import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Sql } from 'postgres';
import { prepareStatements } from './prepare-statements.ts';

/** A pool of connections under one role, and its driver. */
export type Db = PostgresJsDatabase & { readonly $client: Sql };

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
  /** How PostgreSQL chooses the ways of its statements: by their values unless said otherwise. */
  readonly plans?: keyof typeof PLANS;
}

const PLANS = {
  /**
   * Prepared statements are planned for their values each time, as unprepared ones are: what a month's partition or a rare
   * status makes cheap stays so.
   */
  'by-value': { plan_cache_mode: 'force_custom_plan' },
  /**
   * For queues. What waits is found by an index and in its order, and the plan is kept, for statements and for what triggers
   * ask. Of tables that fill and empty within a second PostgreSQL knows how they were a minute ago: by that it would rather
   * sort all that waits to take a few of it, or read what is long done; and a bitmap of an index leaves its dead entries
   * to the next statement too.
   */
  'by-index': { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off', enable_bitmapscan: 'off' },
};

/**
 * A pool for one role. Its time-outs and connection limit stand on the role itself (schema/migrations), so a process
 * that forgets them is held to them all the same. Column names are written snake_case.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const client = postgres(options.url, {
    max: options.maxConnections ?? 8,
    connection: { application_name: options.applicationName, ...PLANS[options.plans ?? 'by-value'] },
    onnotice: () => undefined,
  });
  return {
    db: drizzle(prepareStatements(client), { casing: 'snake_case' }),
    close: () => client.end({ timeout: 5 }),
  };
}
