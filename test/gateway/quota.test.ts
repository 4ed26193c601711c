import { readContract } from '@bridgework/kernel/contract-files';
import { afterEach, expect, test } from 'vitest';
import { codeOf, startGateway, type TestGateway } from './support/start-gateway.ts';

const LOW_STOCK = readContract('operations/examples/low-stock.graphql');
let clinic: TestGateway;
afterEach(() => clinic?.close());

test('a token that asks too often is told when to come back, and its neighbour is not', async () => {
  clinic = await startGateway({ config: { TOKEN_REQUESTS_PER_MINUTE: 5 } });
  const eager = clinic.addPartner(['read:inventory']);
  const calm = clinic.addPartner(['read:inventory']);
  const documentId = clinic.addDocument(eager, LOW_STOCK);
  clinic.addDocument(calm, LOW_STOCK);
  await clinic.settle();
  const ask = (token: string) => clinic.post({ documentId, variables: { first: 1 } }, token);
  const answers = [];
  for (let time = 0; time < 6; time += 1) answers.push(await ask(eager.token));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
  expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"token";q=5;w=60, "integration";q=100000;w=60');
  expect(answers[4]?.headers.get('ratelimit')).toMatch(/^"token";r=0;t=\d+, "integration";r=99995;t=\d+$/);
  // Whoever is refused is told the same.
  expect(answers[5]?.headers.get('ratelimit')).toMatch(/^"token";r=0;t=\d+, /);
  expect(Number(answers[5]?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await ask(calm.token)).status).toBe(200);
  const rest = await clinic.get('/api/v1/inventory/low-stock', eager.token);
  expect(rest.status).toBe(429);
});

test('many tokens of one integration share its quota', async () => {
  clinic = await startGateway({ config: { INTEGRATION_REQUESTS_PER_MINUTE: 3 } });
  const first = clinic.addPartner(['read:inventory']);
  const second = clinic.addPartner(['read:inventory'], { integration_id: first.integrationId });
  const documentId = clinic.addDocument(first, LOW_STOCK);
  await clinic.settle();
  const ask = (token: string) => clinic.post({ documentId, variables: { first: 1 } }, token);
  const statuses = [];
  for (const { token } of [first, second, first, second]) statuses.push((await ask(token)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
});

test('dear documents use up the quota of cost', async () => {
  clinic = await startGateway({ config: { TOKEN_COST_PER_MINUTE: 75 } });
  const partner = clinic.addPartner(['read:inventory']);
  const documentId = clinic.addDocument(partner, LOW_STOCK);
  await clinic.settle();
  const ask = (first: number) => clinic.post({ documentId, variables: { first } }, partner.token);
  expect((await ask(50)).status).toBe(200);
  expect(await codeOf(await ask(50))).toEqual([429, 'QUOTA_EXCEEDED']);
  expect((await ask(1)).status).toBe(200);
});
