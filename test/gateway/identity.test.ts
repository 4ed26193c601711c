import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readContract } from '@bridgework/kernel/contract-files';
import { generateIntegrationToken } from '@bridgework/kernel/integration-token';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { codeOf, type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
let clinic: TestGateway;
let partner: Partner;
let documentId: string;

beforeAll(async () => {
  clinic = await startGateway({ config: { TRUSTED_PROXIES: ['127.0.0.1/32', '::1/128'] } });
  partner = clinic.addPartner(['read:inventory']);
  documentId = clinic.addDocument(partner, LOW_STOCK);
  await clinic.settle();
});
afterAll(() => clinic?.close());

const call = (token?: string, headers: Record<string, string> = {}) =>
  clinic.post({ documentId, variables: { first: 1 } }, token, headers);
const refusals = () => clinic.registry.reports.flatMap((report) => report.refusals);

/** Everything a caller can see of an answer, but the request id and the clock. */
async function seenOf(answer: Response): Promise<string> {
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'date' && name !== 'request-id'));
  const body = (await answer.text()).replaceAll(/req_[0-9a-z]{26}/g, 'req_');
  return JSON.stringify([answer.status, headers, body]);
}

test('unknown, altered, revoked, expired and misplaced tokens get one and the same answer', async () => {
  const revoked = clinic.addPartner(['read:inventory'], { status: 'REVOKED' });
  const expired = clinic.addPartner(['read:inventory'], { expires_at: '2020-01-01T00:00:00.000Z' });
  const elsewhere = clinic.addPartner(['read:inventory'], { allowed_cidrs: ['203.0.113.0/24'] });
  const unreadable = clinic.addPartner(['read:inventory'], { allowed_cidrs: ['office'] });
  await clinic.settle();
  const unknown = generateIntegrationToken('sandbox').text;
  const typo = `${partner.token.slice(0, -1)}${partner.token.endsWith('a') ? 'b' : 'a'}`;
  const tokens = [unknown, typo, revoked.token, expired.token, elsewhere.token, unreadable.token, 'nonsense'];
  const seen = await Promise.all(tokens.map(async (token) => seenOf(await call(token))));
  expect(new Set(seen).size).toBe(1);
  expect(seen[0]).toContain('INVALID_TOKEN');
  expect(seen[0]).toContain('Bearer error=\\"invalid_token\\"');
  const reason = await eventually(() => refusals().find((one) => one.actor === `token ${elsewhere.tokenEntry.id}`));
  expect(reason.message).toContain('127.0.0.1');
});

test('a range of addresses is judged by the client behind the trusted proxy', async () => {
  const office = clinic.addPartner(['read:inventory'], { allowed_cidrs: ['203.0.113.0/24', '2001:db8::/32'] });
  clinic.addDocument(office, LOW_STOCK);
  await clinic.settle();
  for (const address of ['203.0.113.7', '2001:db8::7', '::ffff:203.0.113.7']) {
    expect([address, (await call(office.token, { 'x-forwarded-for': address })).status]).toEqual([address, 200]);
  }
  expect((await call(office.token, { 'x-forwarded-for': '198.51.100.1' })).status).toBe(401);
  // What a client claims of itself in front of the proxy's own entry counts for nothing.
  expect((await call(office.token, { 'x-forwarded-for': '203.0.113.7, 198.51.100.1' })).status).toBe(401);
});

test('a production token is refused in the sandbox, and that is audited', async () => {
  const answer = await call(generateIntegrationToken('production').text);
  expect(await codeOf(answer)).toEqual([401, 'WRONG_ENVIRONMENT']);
  const refusal = await eventually(() => refusals().find(({ code }) => code === 'WRONG_ENVIRONMENT'));
  expect(refusal).toMatchObject({
    integration_id: null,
    actor: 'source 127.0.0.1',
    action: 'request.refuse',
    count: 1,
  });
});

test('a request without a token is told so', async () => {
  const answer = await call();
  expect([answer.headers.get('www-authenticate'), ...(await codeOf(answer))]).toEqual(['Bearer', 401, 'MISSING_TOKEN']);
  expect(await codeOf(await call(undefined, { authorization: 'Basic abc' }))).toEqual([401, 'MISSING_TOKEN']);
});

test('a paused integration, a deprecated one and one whose review is overdue do nothing', async () => {
  const { integration, token } = clinic.addPartner(['read:inventory']);
  const states = [
    [{ status: 'PAUSED' }, 'INTEGRATION_PAUSED'],
    [{ status: 'DEPRECATED' }, 'INTEGRATION_PAUSED'],
    [{ status: 'ACTIVE', review_overdue: true }, 'REVIEW_OVERDUE'],
  ] as const;
  for (const [state, code] of states) {
    Object.assign(integration, state);
    await clinic.settle();
    expect(await codeOf(await call(token))).toEqual([403, code]);
  }
});

test('a flood of bad tokens becomes one entry at once and one sum', async () => {
  const before = refusals().length;
  const answers = await Promise.all(
    Array.from({ length: 200 }, () =>
      call(generateIntegrationToken('sandbox').text, { 'x-forwarded-for': '192.0.2.9' }),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  await eventually(() => refusals().some(({ actor }) => actor === 'source 192.0.2.9'));
  await clinic.restart();
  const added = refusals()
    .slice(before)
    .filter(({ actor }) => actor === 'source 192.0.2.9');
  expect(added.length).toBeLessThanOrEqual(4);
  expect(added.reduce((total, { count }) => total + count, 0)).toBe(200);
  await clinic.settle();
});

test('a flood of tokens that were good once becomes one entry at once and one sum for each', async () => {
  const paused = clinic.addPartner(['read:inventory']);
  paused.integration.status = 'PAUSED';
  const known = [
    clinic.addPartner(['read:inventory'], { status: 'REVOKED' }),
    clinic.addPartner(['read:inventory'], { expires_at: '2020-01-01T00:00:00.000Z' }),
    paused,
  ];
  await clinic.settle();
  await Promise.all(Array.from({ length: 300 }, (_, i) => call(known[i % 3]?.token)));
  const entriesOf = ({ tokenEntry }: Partner) => refusals().filter(({ actor }) => actor === `token ${tokenEntry.id}`);
  await eventually(() => known.every((partner) => entriesOf(partner).length > 0));
  await clinic.restart();
  for (const partner of known) {
    const entries = entriesOf(partner);
    // Two in the minute they began in, and two more if the next one began meanwhile.
    expect(entries.length).toBeLessThanOrEqual(4);
    expect(entries.reduce((total, { count }) => total + count, 0)).toBe(100);
    expect(entries[0]).toMatchObject({
      integration_id: partner.integrationId,
      entity_id: partner.tokenEntry.public_id,
      action: 'request.refuse',
    });
  }
  await clinic.settle();
});

describe('a sign-in of the clinic', () => {
  const ask = async (token: string) => codeOf(await clinic.post({ query: '{ me { name } }' }, token));

  test('is taken from our issuer, for our audience, while it is valid', async () => {
    expect(await ask(await clinic.managerToken())).toEqual([200, undefined]);
    const sign = (build: (jwt: SignJWT) => SignJWT) => clinic.signIn(build);
    const ordinary = (jwt: SignJWT) =>
      jwt
        .setIssuer(clinic.config.OIDC_ISSUER)
        .setAudience(clinic.config.OIDC_AUDIENCE)
        .setSubject('huda')
        .setIssuedAt();
    const wrong = await Promise.all([
      sign((jwt) => ordinary(jwt).setIssuer('https://other.example').setExpirationTime('5m')),
      sign((jwt) => ordinary(jwt).setAudience('another').setExpirationTime('5m')),
      sign((jwt) => ordinary(jwt).setExpirationTime('-1m')),
      sign((jwt) => ordinary(jwt)),
    ]);
    for (const token of wrong) expect(await ask(token)).toEqual([401, 'INVALID_TOKEN']);
  });

  test('is refused when anybody else signed it, or nobody', async () => {
    const claims = { role: 'MANAGER', iss: clinic.config.OIDC_ISSUER, aud: clinic.config.OIDC_AUDIENCE, sub: 'x' };
    const times = { iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 300 };
    const { privateKey } = generateKeyPairSync('ed25519');
    const forged = await new SignJWT({ ...claims, ...times })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'dev' })
      .sign(privateKey);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unsigned = `${part({ alg: 'none', kid: 'dev' })}.${part({ ...claims, ...times })}.`;
    const symmetric = await new SignJWT({ ...claims, ...times })
      .setProtectedHeader({ alg: 'HS256', kid: 'dev' })
      .sign(Buffer.from(clinic.config.OIDC_JWKS));
    for (const token of [forged, unsigned, symmetric, 'a.b.c'])
      expect(await ask(token)).toEqual([401, 'INVALID_TOKEN']);
  });

  test('without a role of the clinic opens nothing', async () => {
    expect(await ask(await clinic.managerToken('SUPERUSER'))).toEqual([403, 'FORBIDDEN']);
  });

  test('finds no persisted document: those belong to integrations', async () => {
    const answer = await clinic.post({ documentId, variables: { first: 1 } }, await clinic.managerToken());
    expect(await codeOf(answer)).toEqual([404, 'PERSISTED_DOCUMENT_NOT_FOUND']);
  });
});

test('a token is good while the pepper it was made with is listed, and not longer', async () => {
  const [old, fresh] = [clinic.config.TOKEN_PEPPER, `p2:${randomBytes(32).toString('base64')}`];
  const statusUnder = async (TOKEN_PEPPER: string): Promise<number> => {
    await (await clinic.restart({ TOKEN_PEPPER })).ready();
    return (await call(partner.token)).status;
  };
  expect(await statusUnder(`${fresh},${old}`)).toBe(200);
  expect(await statusUnder(fresh)).toBe(401);
  expect(await statusUnder(old)).toBe(200);
});
