import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  CALLER_LIFETIME_SECONDS,
  type CallerClaims,
  type CallerUse,
  createReplayGuard,
  hashBody,
  readPublicKeys,
  readSigningKey,
  type SignCallerInput,
  type SignedCaller,
  signCaller,
  type VerifyCallerOptions,
  verifyCaller,
} from '@bridgework/kernel/signed-caller';
import { createProvenHeaders } from '@bridgework/kernel/signed-caller-memory';
import { compactVerify, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = { keyId: 'k1', privateKey };
const now = new Date('2025-03-01T09:00:00.000Z');
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

const caller: SignedCaller = {
  kind: 'integration',
  integrationId: 'int_00000000000000000000000001',
  tokenId: 'tok_00000000000000000000000001',
  scopes: ['read:appointments'],
  environment: 'sandbox',
};

const sign = (input: Partial<SignCallerInput> = {}): string =>
  signCaller(key, { audience: 'billing', use: 'query', caller, generation: 7, now, ...input });

const options = (change: Partial<VerifyCallerOptions> = {}): VerifyCallerOptions => ({
  publicKeys: new Map([['k1', publicKey]]),
  audience: 'billing',
  startedAt: later(-60),
  now: later(1),
  seen: createReplayGuard(),
  ...change,
});

function judge(
  header: string | undefined,
  use: CallerUse,
  body = '',
  change: Partial<VerifyCallerOptions> = {},
): string {
  const verdict = verifyCaller(header, { use, body }, options(change));
  return verdict.kind === 'accepted' ? 'accepted' : verdict.reason;
}

const claimsOf = (header: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(header.split('.')[1] ?? '', 'base64url').toString());

describe('a signed caller header', () => {
  test('gives the subgraph exactly the caller the gateway named', () => {
    const verdict = verifyCaller(sign(), { use: 'query', body: '' }, options());
    expect(verdict).toMatchObject({ kind: 'accepted', claims: { caller, generation: 7, aud: 'billing' } });
  });

  test('is refused when it is missing, torn or not a header at all', () => {
    expect(judge(undefined, 'query')).toBe('missing');
    expect(judge('', 'query')).toBe('missing');
    for (const wrong of ['x', 'a.b', 'a.b.c', 'a.b.c.d', `${sign()}.x`])
      expect(judge(wrong, 'query')).toBe('malformed');
  });

  test('is refused once it has expired and before it was issued', () => {
    const header = sign();
    expect(judge(header, 'query', '', { now: later(CALLER_LIFETIME_SECONDS - 1) })).toBe('accepted');
    expect(judge(header, 'query', '', { now: later(CALLER_LIFETIME_SECONDS) })).toBe('expired');
    expect(judge(header, 'query', '', { now: later(-6) })).toBe('issued-in-future');
  });

  test('is refused by every other subgraph', () => {
    for (const audience of ['appointment', 'inventory', 'integration'] as const) {
      expect(judge(sign(), 'query', '', { audience })).toBe('wrong-audience');
    }
  });

  test('is refused after any change to its claims or signature', () => {
    const header = sign();
    const [head, , signature] = header.split('.');
    const promoted = { ...claimsOf(header), caller: { ...caller, scopes: ['write:payments'] } };
    const altered = `${head}.${Buffer.from(JSON.stringify(promoted)).toString('base64url')}.${signature}`;
    expect(judge(altered, 'query')).toBe('bad-signature');
    expect(judge(header.slice(0, -8), 'query')).toBe('bad-signature');
    // Two callers' halves do not make a third.
    const other = sign({ caller: { kind: 'gateway', gatewayId: 'gw1' } });
    expect(judge(`${head}.${other.split('.')[1]}.${signature}`, 'query')).toBe('bad-signature');
  });

  test('is refused under a key the subgraph does not know, also when it borrows a known key id', () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const forge = (keyId: string): string =>
      signCaller({ keyId, privateKey: stranger }, { audience: 'billing', use: 'query', caller, generation: 7, now });
    expect(judge(forge('k2'), 'query')).toBe('unknown-key');
    expect(judge(forge('k1'), 'query')).toBe('bad-signature');
  });

  test('is refused when its header names another algorithm', async () => {
    const none = `${Buffer.from('{"alg":"none","typ":"bridgework-caller+jwt","kid":"k1"}').toString('base64url')}`;
    expect(judge(`${none}.${sign().split('.')[1]}.`, 'query')).toBe('malformed');
    const hmac = await new SignJWT(claimsOf(sign()))
      .setProtectedHeader({ alg: 'HS256', typ: 'bridgework-caller+jwt', kid: 'k1' })
      .sign(publicKey.export({ format: 'der', type: 'spki' }));
    expect(judge(hmac, 'query')).toBe('malformed');
  });

  test('is refused when it claims to live longer than the gateway ever says', async () => {
    const header = await signWithJose({ exp: seconds(now) + 3600 });
    expect(judge(header, 'query')).toBe('lifetime-too-long');
  });
});

describe("a mutation's header", () => {
  const body = '{"query":"mutation { confirmPayment }"}';

  test('is accepted once and refused when it is sent again', () => {
    const header = sign({ use: 'mutation', body });
    const seen = createReplayGuard();
    expect(judge(header, 'mutation', body, { seen })).toBe('accepted');
    expect(judge(header, 'mutation', body, { seen })).toBe('replayed');
    expect(judge(header, 'mutation', body, { seen, now: later(29) })).toBe('replayed');
  });

  test('is bound to the bytes of its body', () => {
    expect(judge(sign({ use: 'mutation', body }), 'mutation', body.replace('confirm', 'cancel'))).toBe('body-mismatch');
    expect(judge(sign({ use: 'mutation', body }), 'mutation', `${body} `)).toBe('body-mismatch');
  });

  test('cannot be replaced by the header of a query or of a control request', () => {
    expect(judge(sign(), 'mutation', body)).toBe('use-mismatch');
    expect(judge(sign({ use: 'control', body }), 'mutation', body)).toBe('use-mismatch');
    expect(judge(sign({ use: 'mutation', body }), 'control', body)).toBe('use-mismatch');
  });

  test('is refused when it was issued before the process started', () => {
    expect(judge(sign({ use: 'mutation', body }), 'mutation', body, { startedAt: later(1) })).toBe(
      'issued-before-start',
    );
  });

  test('is forgotten only after it could not be accepted any more', () => {
    const seen = createReplayGuard();
    expect(seen.first('a', 100, 70)).toBe(true);
    expect(seen.first('b', 130, 99)).toBe(true);
    expect(seen.first('a', 100, 99)).toBe(false);
    expect(seen.first('b', 130, 101)).toBe(false);
  });
});

describe('a header whose signature was verified before', () => {
  const body = '{"query":"mutation { confirmPayment }"}';
  const met = (header: string, change: Partial<VerifyCallerOptions> = {}) => {
    const proven = createProvenHeaders<CallerClaims>();
    expect(judge(header, 'query', '', { proven, ...change })).toBe('accepted');
    return proven;
  };
  const callerIn = (header: string, change: Partial<VerifyCallerOptions>) => {
    const verdict = verifyCaller(header, { use: 'query', body: '' }, options(change));
    return verdict.kind === 'accepted' ? verdict.claims.caller : undefined;
  };

  test('gives one and the same caller each time, whom nobody can change', () => {
    const header = sign();
    const proven = createProvenHeaders<CallerClaims>();
    const first = callerIn(header, { proven });
    expect(callerIn(header, { proven })).toBe(first);
    expect(callerIn(header, {})).not.toBe(first);
    expect(() => Object.assign(first ?? {}, { tokenId: 'tok_2' })).toThrow(TypeError);
    const scopes = first !== undefined && 'scopes' in first ? first.scopes : [];
    expect(() => Object.assign(scopes, { 0: 'write:payments' })).toThrow(TypeError);
  });

  test('is refused once it has expired, and before it was issued', () => {
    const header = sign();
    const proven = met(header);
    expect(judge(header, 'query', '', { proven, now: later(CALLER_LIFETIME_SECONDS) })).toBe('expired');
    expect(judge(header, 'query', '', { proven, now: later(-6) })).toBe('issued-in-future');
  });

  test('is refused when a single character of it is another', () => {
    const header = sign();
    const proven = met(header);
    const dots = [header.indexOf('.'), header.lastIndexOf('.')];
    for (let at = 0; at < header.length; at += 7) {
      if (dots.includes(at)) continue;
      const other = header[at] === 'A' ? 'B' : 'A';
      expect(judge(`${header.slice(0, at)}${other}${header.slice(at + 1)}`, 'query', '', { proven })).not.toBe(
        'accepted',
      );
    }
    expect(judge(`${header}.x`, 'query', '', { proven })).toBe('malformed');
    expect(judge(header, 'query', '', { proven })).toBe('accepted');
  });

  test('is refused by every other subgraph', () => {
    const header = sign();
    expect(judge(header, 'query', '', { proven: met(header), audience: 'appointment' })).toBe('wrong-audience');
  });

  test('opens neither a mutation nor a control route', () => {
    const header = sign();
    const proven = met(header);
    expect(judge(header, 'mutation', body, { proven })).toBe('use-mismatch');
    expect(judge(header, 'control', body, { proven })).toBe('use-mismatch');
  });

  test('is refused once its key is no longer trusted, also when another key has taken its id', () => {
    const header = sign();
    const proven = met(header);
    const stranger = generateKeyPairSync('ed25519').publicKey;
    expect(judge(header, 'query', '', { proven, publicKeys: new Map() })).toBe('unknown-key');
    expect(judge(header, 'query', '', { proven, publicKeys: new Map([['k1', stranger]]) })).toBe('bad-signature');
  });

  test('is remembered for queries alone: each mutation is verified and counted anew', () => {
    const header = sign({ use: 'mutation', body });
    const proven = createProvenHeaders<CallerClaims>();
    const seen = createReplayGuard();
    expect(judge(header, 'mutation', body, { proven, seen })).toBe('accepted');
    expect(proven.find(header)).toBeUndefined();
    expect(judge(header, 'mutation', body, { proven, seen })).toBe('replayed');
    const control = sign({ use: 'control', body });
    expect(judge(control, 'control', body, { proven })).toBe('accepted');
    expect(proven.find(control)).toBeUndefined();
  });

  test('is not remembered when it was refused', () => {
    const proven = createProvenHeaders<CallerClaims>();
    const header = sign();
    expect(judge(header, 'query', '', { proven, audience: 'inventory' })).toBe('wrong-audience');
    expect(judge(`${header.slice(0, -8)}AAAAAAAA`, 'query', '', { proven })).toBe('bad-signature');
    expect(proven.find(header)).toBeUndefined();
    expect(proven.find(`${header.slice(0, -8)}AAAAAAAA`)).toBeUndefined();
  });

  test('is one of a bounded number, the oldest and the expired ones go', () => {
    const proven = createProvenHeaders<CallerClaims>(3);
    const headers = [1, 2, 3, 4].map((generation) => sign({ generation }));
    for (const header of headers) expect(judge(header, 'query', '', { proven })).toBe('accepted');
    expect(headers.map((header) => proven.find(header) !== undefined)).toEqual([false, true, true, true]);
    const next = sign({ now: later(CALLER_LIFETIME_SECONDS) });
    expect(judge(next, 'query', '', { proven, now: later(CALLER_LIFETIME_SECONDS + 1) })).toBe('accepted');
    expect(headers.map((header) => proven.find(header) !== undefined)).toEqual([false, false, false, false]);
  });
});

describe('other JOSE software', () => {
  test('verifies what we sign', async () => {
    const { payload, protectedHeader } = await compactVerify(sign({ use: 'mutation', body: 'b' }), publicKey);
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', kid: 'k1' });
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ aud: 'billing', body: hashBody('b'), caller });
  });

  test('signs what we verify', async () => {
    expect(judge(await signWithJose({}), 'query')).toBe('accepted');
  });
});

describe('the key settings', () => {
  test('carry a private key and several public ones, so that a key can be rotated', () => {
    const next = generateKeyPairSync('ed25519');
    const setting = (id: string, one: KeyObject): string =>
      `${id}:${one.export({ format: 'der', type: one.type === 'private' ? 'pkcs8' : 'spki' }).toString('base64')}`;
    const publicKeys = readPublicKeys(`${setting('k1', publicKey)},${setting('k2', next.publicKey)}`);
    const header = signCaller(readSigningKey(setting('k2', next.privateKey)), {
      audience: 'billing',
      use: 'query',
      caller,
      generation: 7,
      now,
    });
    expect(judge(header, 'query', '', { publicKeys })).toBe('accepted');
    expect(judge(sign(), 'query', '', { publicKeys })).toBe('accepted');
    expect(() => readSigningKey('no-key-id')).toThrow('form');
  });
});

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

async function signWithJose(change: Record<string, unknown>): Promise<string> {
  return new SignJWT({ ...claimsOf(sign()), ...change })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'bridgework-caller+jwt', kid: 'k1' })
    .sign(privateKey);
}
