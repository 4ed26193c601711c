import type { Caller, Context } from '@bridgework/kernel/context';
import { type Database, openDatabase } from '@bridgework/kernel/database';
import { DomainError, type ErrorCode } from '@bridgework/kernel/errors';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { SCOPE_NAMES, type Scope } from '@bridgework/schema';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  findDeadLetters,
  findDeliveries,
  loadAttempts,
} from '../../subgraphs/integration/src/deliveries/find-deliveries.ts';
import { readWebhookEvents } from '../../subgraphs/integration/src/deliveries/read-webhook-events.ts';
import { createWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/create-webhook-endpoint.ts';
import { findWebhookEndpoints } from '../../subgraphs/integration/src/endpoints/find-webhook-endpoints.ts';
import { rememberSecrets } from '../../subgraphs/integration/src/secrets.ts';
import { eventually } from '../support/eventually.ts';
import { verifyBody } from '../support/verify-body.ts';
import { openWebhookClinic, SECRETS_KEY, type WebhookClinic } from '../support/webhook-clinic.ts';

let clinic: WebhookClinic;
let database: Database;
beforeAll(async () => {
  clinic = await openWebhookClinic();
  database = openDatabase({ url: clinic.urlFor('bridgework_integration'), applicationName: 'test' });
  rememberSecrets(database.db, {
    environment: 'sandbox',
    registrySigningKey: '',
    secretsKey: SECRETS_KEY,
    tokenPepper: '',
    singleManager: false,
  });
});
afterAll(async () => {
  await database.close();
  await clinic.close();
});

const contextOf = (caller: Caller): Context => ({
  db: database.db,
  caller,
  now: () => new Date(),
  log: createLogger('test', { level: 'silent' }),
  requestId: newId('req'),
});
const manager = (): Context =>
  contextOf({ kind: 'user', issuer: 'https://idp', subject: 'amal', name: 'Amal', role: 'MANAGER', scopes: [] });
const partner = (integrationId: string, scopes: readonly Scope[] = SCOPE_NAMES): Context =>
  contextOf({
    kind: 'integration',
    integrationId: integrationId as `int_${string}`,
    tokenId: newId('tok'),
    scopes,
    environment: 'sandbox',
  });
const refusedWith = (code: ErrorCode) =>
  expect.toSatisfy((error: unknown) => error instanceof DomainError && error.code === code, `is refused with ${code}`);

async function create(integrationId: string, input: Record<string, unknown> = {}, key: string = newId('req')) {
  return createWebhookEndpoint(manager(), {
    input: {
      integrationId,
      name: 'Calendar',
      url: 'https://partner.example.com/hook',
      eventTypes: ['appointment.created'],
      ...input,
    },
    idempotencyKey: key,
  });
}

describe('creating an endpoint', () => {
  test('shows the secret once, stores it sealed, and waits for the challenge', async () => {
    const { id } = await clinic.integration();
    const key = newId('req');
    const first = await create(id, {}, key);
    expect(first.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(first.endpoint).toMatchObject({
      integrationId: id,
      status: 'PENDING_VERIFICATION',
      eventTypes: ['appointment.created'],
    });
    const again = await create(id, {}, key);
    expect(again).toEqual({ endpoint: first.endpoint, secret: null });
    const rows = await clinic.sql`select * from integration.webhook_secrets s
      join integration.webhook_endpoints e on e.key = s.endpoint_key where e.id = ${first.endpoint.id}`;
    expect(rows).toHaveLength(1);
    const everything = JSON.stringify([
      rows.map((row) => Buffer.from(row.sealed as Uint8Array).toString('latin1')),
      await clinic.sql`select * from idempotency.requests`,
      await clinic.sql`select * from audit.entries`,
    ]);
    expect(everything).not.toContain((first.secret ?? '').slice(6));
    const audit = await clinic.sql`select result from audit.entries
      where action = 'webhook_endpoint.create' and entity_id = ${first.endpoint.id} order by key`;
    expect(audit.map(({ result }) => result)).toEqual(['OK', 'REPLAY']);
  });

  test('ten at once under one key make one endpoint and show one secret', async () => {
    const { id } = await clinic.integration();
    const key = newId('req');
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(id, {}, key)));
    expect(new Set(answers.map(({ endpoint }) => endpoint.id)).size).toBe(1);
    expect(answers.filter(({ secret }) => secret !== null)).toHaveLength(1);
  });

  test('needs webhook:receive and the read scope of every event', async () => {
    const { id } = await clinic.integration({ scopes: ['webhook:receive', 'read:appointments'] });
    await expect(create(id)).resolves.toBeDefined();
    await expect(create(id, { eventTypes: ['appointment.created', 'payment.received'] })).rejects.toEqual(
      refusedWith('INSUFFICIENT_SCOPE'),
    );
    const { id: deaf } = await clinic.integration({ scopes: ['read:appointments'] });
    await expect(create(deaf)).rejects.toEqual(refusedWith('INSUFFICIENT_SCOPE'));
  });

  test('is refused for what makes no sense, and to anybody but a manager', async () => {
    const { id } = await clinic.integration();
    for (const url of [
      'ftp://partner.example.com',
      'https://user@partner.example.com/',
      'nonsense',
      'https://a.example/#x',
    ]) {
      await expect(create(id, { url })).rejects.toEqual(refusedWith('VALIDATION_FAILED'));
    }
    await expect(create(id, { eventTypes: [] })).rejects.toEqual(refusedWith('VALIDATION_FAILED'));
    await expect(create(id, { eventTypes: ['patient.created'] })).rejects.toEqual(refusedWith('VALIDATION_FAILED'));
    await expect(create(newId('int'))).rejects.toEqual(refusedWith('NOT_FOUND'));
    await expect(
      createWebhookEndpoint(partner(id), {
        input: { integrationId: id, name: 'x', eventTypes: ['appointment.created'] },
        idempotencyKey: newId('req'),
      }),
    ).rejects.toEqual(refusedWith('FORBIDDEN'));
  });

  test('lists them by integration, newest first', async () => {
    const { id } = await clinic.integration();
    const names = ['first', 'second', 'third'];
    for (const name of names) await create(id, { name });
    const page = await findWebhookEndpoints(manager(), { integrationId: id, first: 2 });
    expect(page.edges.map(({ node }) => node.name)).toEqual(['third', 'second']);
    const rest = await findWebhookEndpoints(manager(), { integrationId: id, first: 2, after: page.pageInfo.endCursor });
    expect(rest.edges.map(({ node }) => node.name)).toEqual(['first']);
  });
});

describe('the feed of one endpoint', () => {
  test('gives an endpoint without a URL every event in order, signed as if it were pushed', async () => {
    const { id } = await clinic.integration();
    const { endpoint, secret } = await create(id, {
      url: undefined,
      eventTypes: ['appointment.completed', 'invoice.created'],
    });
    expect(endpoint.status).toBe('ACTIVE');
    const workers = await clinic.startWorkers();
    const eventIds = [await clinic.emit(), await clinic.emit(), await clinic.emit()];
    const all = await eventually(async () => {
      const page = await readWebhookEvents(partner(id), { endpointId: endpoint.id, first: 10 });
      return page.edges.length === 3 ? page : undefined;
    });
    expect(all.edges.map(({ node }) => [node.seq, node.eventId])).toEqual(
      eventIds.map((eventId, index) => [index + 1, eventId]),
    );
    for (const { node } of all.edges) expect(verifyBody(node.payload, secret ?? '')).toBe(true);
    const after = async (position: string | null) =>
      (await readWebhookEvents(partner(id), { endpointId: endpoint.id, first: 1, after: position })).edges.map(
        ({ node }) => node.seq,
      );
    expect(await after('1')).toEqual([2]);
    expect(await after(all.edges[1]?.cursor ?? null)).toEqual([3]);
    await workers.close();
  });

  test('is the same bytes as the push', async () => {
    const receiver = await clinic.receiver();
    const { id } = await clinic.integration();
    const { endpoint, secret } = await create(id, { url: receiver.url, eventTypes: ['appointment.completed'] });
    const workers = await clinic.startWorkers();
    await eventually(() => receiver.challenges.length > 0);
    await eventually(async () => {
      const page = await findWebhookEndpoints(manager(), { integrationId: id, first: 1 });
      return page.edges[0]?.node.status === 'ACTIVE';
    });
    await clinic.emit();
    const pushed = await eventually(() => receiver.events[0]);
    new StandardWebhook(secret ?? '').verify(pushed.body, pushed.headers);
    const page = await readWebhookEvents(partner(id), { endpointId: endpoint.id, first: 1 });
    expect(page.edges[0]?.node.payload).toBe(pushed.body);
    await workers.close();
  });

  test("another integration's endpoint answers as one that does not exist", async () => {
    const [{ id: mine }, { id: theirs }] = [await clinic.integration(), await clinic.integration()];
    const { endpoint } = await create(theirs);
    await expect(readWebhookEvents(partner(mine), { endpointId: endpoint.id, first: 1 })).rejects.toEqual(
      refusedWith('NOT_FOUND'),
    );
    await expect(readWebhookEvents(partner(mine), { endpointId: newId('whe'), first: 1 })).rejects.toEqual(
      refusedWith('NOT_FOUND'),
    );
    await expect(readWebhookEvents(manager(), { endpointId: endpoint.id, first: 1 })).rejects.toEqual(
      refusedWith('FORBIDDEN'),
    );
  });

  test('leaves out what the token may not read, and amounts without the financial approval', async () => {
    const { id } = await clinic.integration();
    const { endpoint } = await create(id, { url: undefined, eventTypes: ['appointment.completed', 'invoice.created'] });
    const workers = await clinic.startWorkers();
    await clinic.emit();
    await clinic.emit('invoice.created', {
      id: 'inv_1',
      patient_id: 'pat_1',
      currency: 'SAR',
      total_minor: 5,
      due_on: null,
    });
    const read = async (scopes: readonly Scope[]) =>
      (await readWebhookEvents(partner(id, scopes), { endpointId: endpoint.id, first: 10 })).edges.map(
        ({ node }) => (JSON.parse(node.payload) as { data: object }).data,
      );
    await eventually(async () => (await read(SCOPE_NAMES)).length === 2);
    expect((await read(SCOPE_NAMES))[1]).toHaveProperty('total_minor', 5);
    const [only, ...rest] = await read(['webhook:receive', 'read:invoices']);
    expect(rest).toEqual([]);
    expect(only).not.toHaveProperty('total_minor');
    await workers.close();
  });
});

describe("managers' view of deliveries", () => {
  test('shows states, attempts and dead letters', async () => {
    const receiver = await clinic.receiver();
    receiver.answer(() => ({ status: 500, body: 'broken' }));
    const { id, key } = await clinic.integration();
    const endpoint = await clinic.endpoint({ url: receiver.url, integrationKey: key, scheduleSeconds: [] });
    const workers = await clinic.startWorkers();
    const eventId = await clinic.emit();
    const dead = await eventually(async () => {
      const page = await findDeadLetters(manager(), { filter: { endpointId: endpoint.id }, first: 5 });
      return page.edges[0]?.node;
    });
    expect(dead).toMatchObject({
      eventId,
      integrationId: id,
      status: 'DEAD',
      deadReason: 'exhausted',
      attemptCount: 1,
      nextAttemptAt: null,
    });
    expect(await loadAttempts(manager(), dead.key)).toMatchObject([
      { number: 1, generation: 1, outcome: 'http', httpStatus: 500, responsePrefix: 'broken' },
    ]);
    const none = await findDeliveries(manager(), { filter: { integrationId: id, status: 'DELIVERED' }, first: 5 });
    expect(none.edges).toEqual([]);
    await workers.close();
  });
});
