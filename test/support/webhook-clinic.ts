import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { readSealingKeys, sealSecret } from '@bridgework/kernel/sealed-secret';
import { type Environment, EVENT_TYPES, SCOPE_NAMES } from '@bridgework/schema';
import { buildWorkers, type Workers, type WorkersDependencies, type WorkersSettings } from '@bridgework/workers';
import type { Sql } from 'postgres';
import { approveScopes } from './clinic-rows.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { type Receiver, startReceiver } from './receiver.ts';

export const SECRETS_KEY = `test:${Buffer.alloc(32, 7).toString('base64')}`;

export const AUDIT_SIGNING_KEY = `test:${generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')}`;

/** A clinic of which only webhooks are awake: a database, receivers, and workers that come and go. */
export interface WebhookClinic {
  /** The owner's connection: looks at everything, stages what other parts would have done. */
  readonly sql: Sql;
  /** The workers' DATA_DIR. */
  readonly dataDir: string;
  readonly urlFor: TestDatabase['urlFor'];
  readonly as: TestDatabase['as'];
  startWorkers(
    options?: Partial<WorkersDependencies>,
    environment?: Environment,
    settings?: Partial<WorkersSettings>,
  ): Promise<Workers>;
  receiver(): Promise<Receiver>;
  integration(options?: { scopes?: readonly string[] }): Promise<{ id: string; key: number }>;
  endpoint(options: EndpointOptions): Promise<TestEndpoint>;
  /** Leaves an event in the outbox as the core's triggers do; returns its id. */
  emit(type?: string, data?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export interface EndpointOptions {
  readonly url: string | null;
  readonly integrationKey?: number;
  readonly status?: string;
  readonly maxInFlight?: number;
  readonly timeoutMs?: number;
  readonly scheduleSeconds?: readonly number[];
  readonly secrets?: number;
  readonly ordering?: 'BEST_EFFORT' | 'ENTITY';
  readonly eventTypes?: readonly string[];
}

export interface TestEndpoint {
  readonly id: string;
  readonly key: number;
  /** Newest first. */
  readonly secrets: readonly string[];
}

export async function openWebhookClinic(
  options: { redisUrl?: string; database?: TestDatabase } = {},
): Promise<WebhookClinic> {
  const database = options.database ?? (await createDatabase());
  const sql = database.as('owner');
  const dataDir = mkdtempSync(join(tmpdir(), 'bridgework-workers-'));
  const receivers: Receiver[] = [];
  const workers: Workers[] = [];
  const log = createLogger('test', { level: process.env.TEST_LOG ?? 'silent' });

  async function integration({ scopes = SCOPE_NAMES }: { scopes?: readonly string[] } = {}) {
    const id = newId('int');
    const [row] = await sql<[{ key: string }]>`
      insert into integration.integrations (id, name, purpose, business_justification, data_scope, risk_assessment,
        internal_owner, review_every_months, requested_scopes, created_by)
      values (${id}, ${`Partner ${id}`}, 'Test', 'Test', 'Test', 'Test', 'Test', 12, ${[...scopes]}::text[], 'user a')
      returning key`;
    await sql`update integration.integrations set status = 'SUBMITTED', submitted_by = 'user a', submitted_at = now()
      where id = ${id}`;
    await approveScopes(sql, Number(row.key), scopes);
    await sql`update integration.integrations set status = 'ACTIVE', decided_by = 'user b', decided_at = now(),
      review_due_on = current_date + 365, approved_scopes = requested_scopes where id = ${id}`;
    return { id, key: Number(row.key) };
  }

  async function endpoint(given: EndpointOptions): Promise<TestEndpoint> {
    const id = newId('whe');
    const integrationKey = given.integrationKey ?? (await integration()).key;
    const [row] = await sql<[{ key: string }]>`
      insert into integration.webhook_endpoints (id, integration_key, name, url, max_in_flight, timeout_ms,
        retry_schedule_seconds, ordering, created_by)
      values (${id}, ${integrationKey}, 'Test', ${given.url}, ${given.maxInFlight ?? 4}, ${given.timeoutMs ?? 2_000},
        ${given.scheduleSeconds === undefined ? null : [...given.scheduleSeconds]}::integer[],
        ${given.ordering ?? 'BEST_EFFORT'}, 'user a')
      returning key`;
    const key = Number(row.key);
    const secrets = Array.from({ length: given.secrets ?? 1 }, () => `whsec_${randomBytes(32).toString('base64')}`);
    for (const secret of [...secrets].reverse()) {
      const { keyId, sealed } = sealSecret(readSealingKeys(SECRETS_KEY), secret, id);
      await sql`insert into integration.webhook_secrets (endpoint_key, sealed, key_id)
        values (${key}, ${Buffer.from(sealed)}, ${keyId})`;
    }
    for (const type of given.eventTypes ?? EVENT_TYPES) {
      await sql`insert into integration.webhook_subscriptions (endpoint_key, event_type) values (${key}, ${type})`;
    }
    const status = given.status ?? 'ACTIVE';
    if (status !== 'PENDING_VERIFICATION') {
      await sql`update integration.webhook_endpoints set status = 'ACTIVE', verified_at = now(), first_active_at = now()
        where key = ${key}`;
    }
    if (status === 'PAUSED') await sql`update integration.webhook_endpoints set status = 'PAUSED' where key = ${key}`;
    return { id, key, secrets };
  }

  return {
    sql,
    dataDir,
    urlFor: database.urlFor,
    as: database.as,
    integration,
    endpoint,
    async startWorkers(deps = {}, environment = 'sandbox', settings = {}) {
      const built = buildWorkers(
        {
          CLINIC_ENV: environment,
          WORKERS_DATABASE_URL: database.urlFor('bridgework_workers'),
          REDIS_URL: options.redisUrl,
          SECRETS_KEY,
          AUDIT_SIGNING_KEY,
          DATA_DIR: dataDir,
          EGRESS_ALLOW: receivers.map(({ origin }) => origin),
          ...settings,
        },
        { log, ...deps },
      );
      workers.push(built);
      await built.start();
      return built;
    },
    async receiver() {
      const receiver = await startReceiver();
      receivers.push(receiver);
      return receiver;
    },
    async emit(type = 'appointment.completed', data) {
      const entityId = newId('apt');
      const [row] = await sql<[{ id: string }]>`
        insert into outbox.events (type, entity_type, entity_id, data)
        values (${type}, 'appointment', ${entityId},
          ${sql.json((data ?? { id: entityId, completed_at: '2026-03-01T10:00:00.12+03:00' }) as never)})
        returning id`;
      return row.id;
    },
    async close() {
      await Promise.all(workers.map((one) => one.close()));
      await Promise.all(receivers.map((one) => one.close()));
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
