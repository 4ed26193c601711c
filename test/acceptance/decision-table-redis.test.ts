import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';
import { capture, type Desk, openDesk, RECORDED } from './payments/desk.ts';

/** The decision table of payment confirmations, row 21: with the queue away. */
let redis: TestRedis;
let desk: Desk;
let listener: Partner;

describe.skipIf(whyNoRedis() !== undefined)('row 21: Redis and the queue are down', () => {
  beforeAll(async () => {
    redis = await openRedis();
    desk = await openDesk({ redisUrl: redis.url });
    listener = await desk.clinic.partner({ scopes: ['webhook:receive', 'read:invoices'] });
    const { body } = await listener.rest('POST', '/webhook-endpoints', {
      body: { name: 'books', url: `${desk.clinic.receiver.origin}/books`, event_types: ['payment.received'] },
      headers: { 'idempotency-key': 'endpoint' },
    });
    await eventually(
      async () => (await listener.rest('GET', `/webhook-endpoints/${body.endpoint.id}`)).body.status === 'ACTIVE',
    );
  });
  afterAll(async () => {
    await desk?.clinic.close();
    await redis?.close();
  });

  test.each([
    ['less than is owed', 4_000, 'PARTIALLY_PAID'],
    ['all that is owed', 10_000, 'PAID'],
  ])('%s is recorded as ever, and its event is delivered later, once', async (_name, amount, status) => {
    const invoiceId = await desk.invoice();
    await redis.kill();
    await desk.begin();
    const answer = await desk.confirm(capture(invoiceId, { amount_minor: amount }));
    expect([answer.status, answer.body.invoice_status]).toEqual([201, status]);
    await desk.expectEffects(RECORDED);
    await redis.restart();
    const told = () => desk.clinic.receiver.events.filter(({ body }) => body.includes(String(answer.body.payment_id)));
    await eventually(() => told().length > 0, { withinMs: 20_000, what: 'the event is delivered' });
    const deliveries = await desk.clinic.owner`
      select state, attempts from integration.deliveries d join outbox.events e on e.id = d.event_id
      where e.entity_id = ${answer.body.payment_id}`;
    expect(deliveries).toHaveLength(1);
  });
});
