import { newId } from '@bridgework/kernel/ids';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOwnWebhookEndpoint } from '../../subgraphs/integration/src/endpoints/create-webhook-endpoint.ts';
import { rotateOwnWebhookSecret } from '../../subgraphs/integration/src/endpoints/rotate-webhook-secret.ts';
import { eventually } from '../support/eventually.ts';
import { verifyBody } from '../support/verify-body.ts';
import { openWebhookClinic, type WebhookClinic } from '../support/webhook-clinic.ts';
import { openWebhookRegistry, type WebhookRegistry } from '../support/webhook-registry.ts';

const EVENTS_PER_PHASE = 120;

let clinic: WebhookClinic;
let registry: WebhookRegistry;
beforeAll(async () => {
  clinic = await openWebhookClinic();
  registry = openWebhookRegistry(clinic);
});
afterAll(async () => {
  await registry.close();
  await clinic.close();
});

type Received = { readonly body: string; readonly headers: Record<string, string> };

/** The libraries and the in-body signature agree on whether a secret signed this. */
function isSignedBy(secret: string, { body, headers }: Received): boolean {
  const verdicts = [
    () => new StandardWebhook(secret).verify(body, headers),
    () => new SvixWebhook(secret).verify(body, headers),
  ].map((verify) => {
    try {
      return Boolean(verify());
    } catch {
      return false;
    }
  });
  verdicts.push(verifyBody(body, secret));
  expect(new Set(verdicts).size, `${verdicts.join()} of ${body.slice(0, 80)}`).toBe(1);
  return verdicts[0] ?? false;
}

test('through a whole rotation under way, a consumer who holds the old or the new secret believes every delivery', async () => {
  const receiver = await clinic.receiver();
  const { id: integrationId } = await clinic.integration();
  const partner = registry.partner(integrationId);
  const input = { name: 'Calendar', eventTypes: ['appointment.completed'], url: receiver.url };
  const created = await createOwnWebhookEndpoint(partner, { input, idempotencyKey: newId('req') });
  const { id } = created.endpoint;
  await Promise.all([clinic.startWorkers(), clinic.startWorkers()]);
  await eventually(async () => {
    const [row] = await clinic.sql`select status from integration.webhook_endpoints where id = ${id}`;
    return row?.status === 'ACTIVE';
  });
  const rotate = async (graceDays: number) => {
    const { secret } = await rotateOwnWebhookSecret(partner, { id, graceDays, idempotencyKey: newId('req') });
    if (secret === null) throw new Error('A rotation shows its secret once.');
    return secret;
  };
  const emit = async () => {
    for (let at = 0; at < EVENTS_PER_PHASE; at += 1) await clinic.emit();
  };
  const first = created.secret ?? '';

  const before = emit();
  await eventually(() => receiver.events.length > EVENTS_PER_PHASE / 4);
  const second = await rotate(7);
  const rotatedAt = receiver.events.length;
  await before;
  await emit();
  await eventually(() => receiver.events.length >= 2 * EVENTS_PER_PHASE);
  for (const event of receiver.events) expect(isSignedBy(first, event)).toBe(true);
  // What was on its way when the secret came is the last that does not carry it.
  const withSecond = receiver.events.map((event) => isSignedBy(second, event));
  expect(withSecond.slice(0, 10)).not.toContain(true);
  expect(withSecond.slice(rotatedAt + 100)).not.toContain(false);

  const third = await rotate(0);
  const endedAt = receiver.events.length;
  await emit();
  await eventually(() => receiver.events.length >= 3 * EVENTS_PER_PHASE);
  for (const event of receiver.events.slice(endedAt)) {
    expect([first, second, third].map((secret) => isSignedBy(secret, event))).toEqual([false, false, true]);
  }
  expect(new Set(receiver.events.map(({ payload }) => payload.event_id)).size).toBe(3 * EVENTS_PER_PHASE);
}, 60_000);
