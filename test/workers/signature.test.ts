import { createHmac } from 'node:crypto';
import { signPayload } from '@bridgework/integration';
import { openSecret, readSealingKeys, sealSecret } from '@bridgework/kernel/sealed-secret';
import fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, test } from 'vitest';
import { signedHeaders } from '../../workers/src/webhooks/signature.ts';
import { verifyBody } from '../support/verify-body.ts';

const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'];
const payload = {
  api_version: 'v1',
  data: { ثابت: 'قيمة', z: 1, a: [1.5, null, true], 'a"b': '\u2028' },
  entity_id: 'apt_1',
  entity_type: 'appointment',
  event_id: 'evt_1',
  event_type: 'appointment.completed',
  livemode: false,
  occurred_at: '2026-03-01T08:00:00.000Z',
};

describe('what a receiver gets', () => {
  test('has the nine contract members in canonical order, the signature last', () => {
    expect(Object.keys(JSON.parse(signPayload(payload, secrets)) as object)).toEqual([
      ...Object.keys(payload),
      'signature',
    ]);
  });

  test('is verified by the off-the-shelf libraries with the current and the previous secret', () => {
    const body = signPayload(payload, secrets);
    const headers = { ...signedHeaders('evt_1', body, secrets, new Date()) };
    for (const secret of secrets) {
      expect(new StandardWebhook(secret).verify(body, headers)).toMatchObject({ event_id: 'evt_1' });
      expect(new SvixWebhook(secret).verify(body, headers)).toMatchObject({ event_id: 'evt_1' });
    }
    expect(() => new StandardWebhook('whsec_AAAA').verify(body, headers)).toThrow();
    expect(() => new SvixWebhook(secrets[0] ?? '').verify(`${body} `, headers)).toThrow();
  });

  test('carries an origin that a verifier without a canonicalisation library checks, whatever the data', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (data) => {
        const body = signPayload(
          { ...payload, data: JSON.parse(JSON.stringify(data)) as Record<string, unknown> },
          secrets,
        );
        return (
          secrets.every((secret) => verifyBody(body, secret)) &&
          !verifyBody(body.replace('apt_1', 'apt_2'), secrets[0] ?? '')
        );
      }),
    );
  });

  test('is signed as Standard Webhooks 1.0 writes it down', () => {
    const [secret = ''] = secrets;
    const sentAt = new Date(1_614_265_330_000);
    const body = '{"test": 2432232314}';
    const expected = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
      .update(`msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.${body}`)
      .digest('base64');
    expect(signedHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', body, [secret], sentAt)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': `v1,${expected}`,
    });
    // The vector of the specification itself.
    expect(expected).toBe('g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('a secret at rest', () => {
  const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
  const keys = readSealingKeys(`k2:${key(2)},k1:${key(1)}`);

  test('opens under its own key and owner only', () => {
    const sealed = sealSecret(keys, 'whsec_x', 'whe_1');
    expect(sealed.keyId).toBe('k2');
    expect(Buffer.from(sealed.sealed).toString('latin1')).not.toContain('whsec');
    expect(openSecret(keys, sealed, 'whe_1')).toBe('whsec_x');
    expect(() => openSecret(keys, sealed, 'whe_2')).toThrow();
    expect(() => openSecret(keys, { ...sealed, keyId: 'k1' }, 'whe_1')).toThrow();
    expect(() => openSecret(keys, { ...sealed, keyId: 'k9' }, 'whe_1')).toThrow('k9');
  });

  test('still opens after the key was rotated', () => {
    const old = sealSecret(readSealingKeys(`k1:${key(1)}`), 'whsec_x', 'whe_1');
    expect(openSecret(keys, old, 'whe_1')).toBe('whsec_x');
  });

  test('a key of another length is refused at start', () => {
    expect(() => readSealingKeys('k1:AAAA')).toThrow('32 bytes');
  });
});
