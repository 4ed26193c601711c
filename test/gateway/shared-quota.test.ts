import { readContract } from '@bridgework/kernel/contract-files';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';
import { codeOf, type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
const REQUESTS = 40;
const withoutRedis = whyNoRedis();

describe.skipIf(withoutRedis !== undefined)(`several gateways with one Redis ${withoutRedis ?? ''}`, () => {
  let redis: TestRedis;
  let gateways: TestGateway[];
  let partner: Partner;
  let documentId: string;

  beforeAll(async () => {
    redis = await openRedis();
    const config = {
      REDIS_URL: redis.url,
      TOKEN_REQUESTS_PER_MINUTE: REQUESTS,
      INTEGRATION_REQUESTS_PER_MINUTE: 60,
      TOKEN_COST_PER_MINUTE: 190,
      TOKEN_PEPPER: `p1:${Buffer.alloc(32, 7).toString('base64')}`,
    };
    gateways = await Promise.all([1, 2, 3].map(() => startGateway({ config })));
    await Promise.all(gateways.map((gateway) => storeIs(1, gateway)));
  });
  afterAll(async () => {
    await Promise.all((gateways ?? []).map((one) => one.close()));
    await redis?.close();
  });
  // Each test spends what a partner of its own may.
  beforeEach(async () => {
    const [first] = gateways as [TestGateway];
    partner = first.addPartner(['read:inventory']);
    documentId = first.addDocument(partner, LOW_STOCK);
    await publish();
  });

  /** Makes the others know what the first registry knows. */
  async function publish(): Promise<void> {
    const [first, ...others] = gateways as [TestGateway, ...TestGateway[]];
    for (const { registry } of others) {
      Object.assign(registry.state, structuredClone(first.registry.state));
      for (const [id, text] of first.registry.texts) registry.texts.set(id, text);
    }
    await Promise.all(gateways.map((one) => one.settle()));
  }

  const ask = (gateway: TestGateway, token: string) =>
    gateway.post({ documentId, variables: { first: 1 } }, token).then(({ status }) => status);
  /** How many of `count` requests, over all gateways in turn and twelve at a time, were let through. */
  async function granted(count: number, tokens: readonly string[] = [partner.token]): Promise<number> {
    const statuses: number[] = [];
    let next = 0;
    const askInTurn = async () => {
      for (let i = next++; i < count; i = next++) {
        statuses.push(await ask(gateways[i % gateways.length] as TestGateway, tokens[i % tokens.length] as string));
      }
    };
    await Promise.all(Array.from({ length: 12 }, askInTurn));
    expect(statuses.every((status) => status === 200 || status === 429)).toBe(true);
    return statuses.filter((status) => status === 200).length;
  }
  const storeIs = (up: 0 | 1, gateway: TestGateway) =>
    eventually(async () => (await gateway.shows('bridgework_quota_store_up')) === up);

  test('grant a token its requests once, not once each, whichever of them it asks', async () => {
    expect(await granted(3 * REQUESTS)).toBe(REQUESTS);
    const refused = await (gateways[2] as TestGateway).post({ documentId }, partner.token);
    expect(refused.headers.get('ratelimit')).toMatch(/^"token";r=0;t=\d+/);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await codeOf(refused)).toEqual([429, 'QUOTA_EXCEEDED']);
  });

  test('grant all tokens of an integration together what it may have', async () => {
    const second = gateways[0]?.addPartner(['read:inventory'], { integration_id: partner.integrationId });
    await publish();
    expect(await granted(120, [partner.token, second?.token ?? ''])).toBe(60);
  });

  test('share the cost of documents, and a dear one that is refused shuts out no cheap one', async () => {
    const dear = (gateway: TestGateway) => gateway.post({ documentId, variables: { first: 100 } }, partner.token);
    const [one, two, three] = gateways as [TestGateway, TestGateway, TestGateway];
    expect((await dear(one)).status).toBe(200);
    expect(await codeOf(await dear(two))).toEqual([429, 'QUOTA_EXCEEDED']);
    expect(await ask(three, partner.token)).toBe(200);
  });

  test('grant their share while Redis is away, never more and never nothing, and count together again', async () => {
    await Promise.all(
      gateways.map((gateway) =>
        eventually(async () => (await gateway.shows('bridgework_gateways')) === 3, { withinMs: 20_000 }),
      ),
    );
    await redis.kill();
    await Promise.all(gateways.map((gateway) => storeIs(0, gateway)));
    const share = Math.floor(REQUESTS / 3);
    expect(await granted(6 * REQUESTS)).toBe(3 * share);
    await redis.restart();
    await Promise.all(gateways.map((gateway) => storeIs(1, gateway)));
    // The Redis that came back has forgotten; it grants once for all three.
    expect(await granted(3 * REQUESTS)).toBe(REQUESTS);
  });
});
