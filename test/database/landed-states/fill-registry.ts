import { createHash } from 'node:crypto';
import { activeIntegration } from '../../support/clinic-rows.ts';
import type { TestDatabase } from '../../support/database.ts';

const HASH = 'a'.repeat(64);
const TEXT = 'query Q { me { id } }';

export interface FilledRegistry {
  readonly integrationId: string;
  readonly endpointId: string;
}

/**
 * What partners leave in a database: an integration with token and documents, an endpoint, and of the clinic's newest
 * events one delivery in each state that rests, gap-free by seq, with attempts and audit rows. Statements use only what
 * every landed state has.
 */
export async function fillRegistry(database: TestDatabase): Promise<FilledRegistry> {
  const registry = database.as('bridgework_integration', 1);
  const key = await activeIntegration(registry, 'Partner', ['read:appointments', 'webhook:receive']);
  await registry`insert into integration.tokens (integration_key, name, public_id, secret_hash, pepper_id, environment,
      scopes, created_by)
    values (${key}, 't', 'abcdefghij', ${HASH}, 'p1', 'sandbox', '{read:appointments}', 'user a')`;
  await registry`insert into integration.document_sets (integration_key, name, version, format, content_sha256,
      supergraph_sha256, registered_by) values (${key}, 'main', 1, 'apollo', ${HASH}, ${HASH}, 'user a')`;
  await registry`insert into integration.documents (document_set_key, integration_key, hash, name, operation_type, text)
    select key, ${key}, ${`sha256:${createHash('sha256').update(TEXT).digest('hex')}`}, 'Q', 'query', ${TEXT}
    from integration.document_sets`;
  const [integration] = await registry<{ id: string }[]>`select id from integration.integrations where key = ${key}`;
  const [endpoint] = await registry<{ id: string; key: string }[]>`
    insert into integration.webhook_endpoints (integration_key, name, url, created_by)
    values (${key}, 'Feed', null, 'user a') returning id, key`;
  if (integration === undefined || endpoint === undefined) throw new Error('the registry answered no row');
  await registry`insert into integration.webhook_subscriptions (endpoint_key, event_type)
    values (${endpoint.key}, 'appointment.created')`;
  await registry`update integration.webhook_endpoints set status = 'ACTIVE' where key = ${endpoint.key}`;
  await fillDeliveries(database, Number(endpoint.key), integration.id);
  return { integrationId: integration.id, endpointId: endpoint.id };
}

async function fillDeliveries(database: TestDatabase, endpointKey: number, integrationId: string): Promise<void> {
  const owner = database.as('owner', 1);
  await owner`
    insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq, state)
    select id, type, entity_id, ${endpointKey}, n, case when n < 3 then 'PENDING' else 'HELD' end
    from (select *, row_number() over (order by key) as n from outbox.events where type = 'appointment.created' limit 3) e`;
  // The ways that later states prescribe; the first landed state took any.
  await owner`update integration.deliveries set state = 'LEASED', lease_token = gen_random_uuid(), lease_expires_at = now()
    where seq < 3`;
  await owner`update integration.deliveries set attempts = 1, lease_token = null, lease_expires_at = null,
      state = case seq when 1 then 'DELIVERED' else 'DEAD' end, dead_reason = case seq when 2 then 'exhausted' end,
      delivered_at = case seq when 1 then now() end
    where seq < 3`;
  await owner`update integration.webhook_endpoints set last_seq = 3 where key = ${endpointKey}`;
  await owner`
    insert into integration.delivery_attempts (delivery_key, endpoint_key, generation, number, lease_token, started_at,
      duration_ms, outcome, http_status)
    select key, endpoint_key, 1, 1, gen_random_uuid(), now(), 12, case seq when 1 then 'ok' else 'http' end,
      case seq when 1 then 204 else 500 end
    from integration.deliveries where seq < 3`;
  const workers = database.as('bridgework_workers', 1);
  await workers`
    select audit.append('system webhook.deliver', ${integrationId}, 'webhook.deliver', 'delivery', id,
      case state when 'DELIVERED' then 'OK' else 'FAILED' end, dead_reason, 'req_x')
    from integration.deliveries where state <> 'HELD'`;
  await workers`select audit.seal(1000)`;
}
