import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Partner, startGateway, type TestGateway } from './support/start-gateway.ts';

/** The audits of graphql-http against the sandbox's profile for partners that may send query text. */
let clinic: TestGateway;
let partner: Partner;

beforeAll(async () => {
  clinic = await startGateway();
  partner = clinic.addPartner(['read:inventory']);
  partner.integration.ad_hoc = true;
  await clinic.settle();
});
afterAll(() => clinic?.close());

/** As a client would: the token goes with whatever else is sent. */
const fetchFn: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set('authorization', `Bearer ${partner.token}`);
  return fetch(input, { ...init, headers });
};
const audits = serverAudits({ url: () => `${clinic.origin}/graphql`, fetchFn });

describe('GraphQL over HTTP, as graphql-http audits it', () => {
  test('has audits of all three levels', () => {
    expect(audits.length).toBeGreaterThan(50);
    expect(new Set(audits.map(({ name }) => name.split(' ')[0]))).toEqual(new Set(['MUST', 'SHOULD', 'MAY']));
  });

  test.each(audits)('$id: $name', async ({ fn }) => {
    expect(await fn()).toMatchObject({ status: 'ok' });
  });
});
