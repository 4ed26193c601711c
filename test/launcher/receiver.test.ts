import { randomBytes } from 'node:crypto';
import { type Receiver, startReceiver } from '@bridgework/launcher';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';

const secret = `whsec_${randomBytes(24).toString('base64')}`;
let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver({ port: 0 });
});
afterEach(() => receiver.close());

function deliver(type: string, key = secret, id = 'evt_1') {
  const body = JSON.stringify({ event_id: id, event_type: type, data: {} });
  const now = new Date();
  return fetch(receiver.url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(key).sign(id, now, body),
    },
  });
}

test('accepts what is signed with a secret it knows and refuses everything else', async () => {
  receiver.trust(secret);
  expect((await deliver('appointment.completed')).status).toBe(204);
  expect((await deliver('appointment.completed', `whsec_${randomBytes(24).toString('base64')}`)).status).toBe(401);
  expect(receiver.received.map(({ verified }) => verified)).toEqual([false, true]);
});

test('answers the challenge of an endpoint whose secret it cannot know yet, but no event', async () => {
  expect((await deliver('endpoint.verification')).status).toBe(204);
  expect((await deliver('appointment.completed')).status).toBe(401);
});

test('shows the last 200 deliveries, newest first', async () => {
  receiver.trust(secret);
  for (let number = 1; number <= 203; number += 1) await deliver('invoice.created', secret, `evt_${number}`);
  const shown = (await (await fetch(receiver.url)).json()) as { eventId: string; verified: boolean }[];
  expect(shown).toHaveLength(200);
  expect(shown[0]).toMatchObject({ eventId: 'evt_203', verified: true });
});
