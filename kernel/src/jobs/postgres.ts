import { createPostgresBackend, runMigrations, withBackend } from 'bullmq';
import pg from 'pg';
import { type Backend, observe, toQueueJob, workerOptions } from './backend.ts';

const QUEUE_SCHEMA = 'queue';

/** BullMQ on the schema `queue` of our own database. Throws when the database is away. */
export async function openPostgres(databaseUrl: string): Promise<Backend> {
  await migrateQueue(databaseUrl);
  const backed = withBackend(createPostgresBackend);
  // BullMQ reads the schema from a pool's options only when it makes the pool itself.
  const connection = (max: number) => ({
    connectionString: databaseUrl,
    schema: QUEUE_SCHEMA,
    max,
    application_name: 'workers queue',
  });
  return {
    kind: 'postgres',
    ready: () => true,
    createQueue: (name) => new backed.Queue(name, { connection: connection(1), skipMetasUpdate: true }),
    createWorker: (options, logger) =>
      observe(
        new backed.Worker(options.queue, (job) => options.handle(toQueueJob(job)), {
          connection: connection(3),
          ...workerOptions(options),
        }),
        options,
        logger,
      ),
    close: async () => undefined,
  };
}

/** Makes BullMQ's tables in the schema that the database's own migrations made and gave to the workers' role. */
async function migrateQueue(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'workers queue migration' });
  await client.connect();
  try {
    // `create schema if not exists` asks for a right on the whole database even when the schema is there. The workers'
    // role does not have it, hence the one statement is left out.
    const query = (text: string, values?: unknown[]) =>
      /^create schema if not exists/i.test(text) ? client.query('select 1') : client.query(text, values);
    await runMigrations({ query } as Parameters<typeof runMigrations>[0], QUEUE_SCHEMA);
  } finally {
    await client.end();
  }
}
