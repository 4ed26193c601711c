import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Answer, Partner } from '../support/partner.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';
import { type SplitClinic, startSplitClinic } from '../support/split-clinic.ts';

const PER_TOKEN = 120;
const GATEWAYS = 2;

describe.skipIf(whyNoRedis() !== undefined)('REST over two gateway processes with one Redis', () => {
  let redis: TestRedis;
  let clinic: SplitClinic;
  beforeAll(async () => {
    redis = await openRedis();
    clinic = await startSplitClinic({
      redisUrl: redis.url,
      gateways: GATEWAYS,
      settings: { TOKEN_REQUESTS_PER_MINUTE: String(PER_TOKEN), INTEGRATION_REQUESTS_PER_MINUTE: '1000' },
    });
    await show('bridgework_gateways', GATEWAYS);
  }, 120_000);
  afterAll(async () => {
    await clinic?.close();
    await redis?.close();
  }, 60_000);

  const show = (metric: string, value: number) =>
    Promise.all(
      clinic.requests.map((_, index) =>
        eventually(async () => (await clinic.shows(index, metric)) === value, { withinMs: 20_000 }),
      ),
    );

  /** A partner of whom both gateways know, and who has asked each of them once. */
  async function newcomer(): Promise<Partner> {
    const partner = await clinic.partner({ scopes: ['read:inventory'] });
    await Promise.all(
      clinic.requests.map((request) => eventually(async () => (await me(request, partner)).status === 200)),
    );
    return partner;
  }
  const me = (request: SplitClinic['requests'][number], { token }: Partner): Promise<Answer> =>
    request('/api/v1/me', { headers: { authorization: `Bearer ${token}` } });

  /** Far more than is granted, of both in turn, eight at a time. */
  async function flood(partner: Partner): Promise<Answer[]> {
    const answers: Answer[] = [];
    let next = 0;
    const ask = async () => {
      for (let turn = next++; turn < PER_TOKEN * 3; turn = next++) {
        answers.push(await me(clinic.requests[turn % GATEWAYS] as SplitClinic['requests'][number], partner));
      }
    };
    await Promise.all(Array.from({ length: 8 }, ask));
    return answers;
  }

  test('a token is granted what it may once, whichever it asks; each answer tells the limit, a refusal when to come back', async () => {
    const partner = await newcomer();
    const answers = await flood(partner);
    const granted = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status !== 200);
    // Those of the newcomer were granted before.
    expect(granted.length).toBeLessThan(PER_TOKEN);
    expect(granted.length).toBeGreaterThan(PER_TOKEN * 0.8);
    for (const { headers } of answers) {
      expect(headers.get('ratelimit-policy')).toBe(`"token";q=${PER_TOKEN};w=60, "integration";q=1000;w=60`);
      expect(headers.get('ratelimit')).toMatch(/^"token";r=\d+;t=\d+, "integration";r=\d+;t=\d+$/);
    }
    for (const { status, headers, body } of refused) {
      expect([status, body.type]).toEqual([429, '/api/v1/problems/quota-exceeded']);
      expect(headers.get('ratelimit')).toMatch(/^"token";r=0;/);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });

  test('while the store is away each goes on with its share: no more together than with it, and not nothing', async () => {
    const partner = await newcomer();
    await redis.kill();
    await show('bridgework_quota_store_up', 0);
    const answers = await flood(partner);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    const granted = answers.filter(({ status }) => status === 200).length;
    expect(granted).toBeGreaterThan(0);
    expect(granted).toBeLessThanOrEqual(PER_TOKEN);
    expect(answers.at(-1)?.headers.get('ratelimit')).toMatch(/^"token";r=0;/);
  });
});
