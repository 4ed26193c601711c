import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exampleDocuments } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';
import { openRedis, type TestRedis, whyNoRedis } from '../support/redis.ts';
import { type SplitClinic, startSplitClinic } from '../support/split-clinic.ts';

/**
 * The product split over processes: one host for the clinic's own subgraphs, one for the registry, three gateways.
 * CONTROL_ROUNDS=100 measures: it prints the slowest and the median of each change.
 */
const ROUNDS = Number(process.env.CONTROL_ROUNDS ?? 3);
const withoutRedis = whyNoRedis();

describe.each([
  { how: 'without Redis', skipped: undefined },
  { how: 'with Redis', skipped: withoutRedis },
])('three gateways $how', ({ how, skipped }) => {
  describe.skipIf(skipped !== undefined)(skipped ?? 'as processes of their own', () => {
    let redis: TestRedis | undefined;
    let clinic: SplitClinic;
    let partner: Partner;
    const delays: Record<string, number[]> = {};

    beforeAll(async () => {
      redis = how === 'with Redis' ? await openRedis() : undefined;
      clinic = await startSplitClinic(redis === undefined ? {} : { redisUrl: redis.url });
      partner = await clinic.partner({
        scopes: [
          'read:appointments',
          'read:visits',
          'read:patients',
          'read:invoices',
          'read:financials',
          'read:inventory',
          'write:payments',
        ],
        documents: await exampleDocuments(),
      });
      await everywhere(async (request) => (await me(request, partner.token)) === 200);
    }, 120_000);
    afterAll(async () => {
      await clinic?.close();
      await redis?.close();
      for (const [change, found] of Object.entries(delays)) {
        if (process.env.CONTROL_ROUNDS !== undefined) process.stdout.write(`${how}, ${change}: ${summary(found)}\n`);
      }
    }, 60_000);

    type Request = SplitClinic['requests'][number];
    const me = async (request: Request, token: string) =>
      (await request('/api/v1/me', { headers: { authorization: `Bearer ${token}` } })).status;
    const ask = async (request: Request, documentId: string, variables: object = {}, token = partner.token) =>
      request('/graphql', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ documentId, variables }),
      });
    const everywhere = (holds: (request: Request) => Promise<boolean>) =>
      Promise.all(clinic.requests.map((request) => eventually(() => holds(request), { withinMs: 15_000 })));
    /** Makes a change and waits until it shows in all three; notes how long that took from the commit's answer. */
    async function inForce(
      change: string,
      make: () => Promise<unknown>,
      holds: (request: Request) => Promise<boolean>,
    ) {
      await make();
      const madeAt = performance.now();
      await everywhere(holds);
      delays[change] = [...(delays[change] ?? []), performance.now() - madeAt];
    }
    const newToken = async (): Promise<{ id: string; secret: string }> => {
      const { issueToken } = await clinic.huda.run(
        'mutation ($input: IssueTokenInput!, $key: String!) { issueToken(input: $input, idempotencyKey: $key) { secret token { id } } }',
        {
          key: `round-${Math.random()}`,
          input: {
            integrationId: partner.integrationId,
            name: 'round',
            scopes: ['read:inventory'],
            expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
          },
        },
      );
      return { id: issueToken.token.id, secret: issueToken.secret };
    };

    test('see a revocation, a pause, a resumption, an activation and a retirement within a second', async () => {
      const { integrationId } = partner;
      for (let round = 0; round < ROUNDS; round += 1) {
        const token = await newToken();
        await everywhere(async (request) => (await me(request, token.secret)) === 200);
        await inForce(
          'revoke',
          () => clinic.huda.run('mutation ($id: ID!) { revokeToken(id: $id) { id } }', { id: token.id }),
          async (request) => (await me(request, token.secret)) === 401,
        );
        await inForce(
          'pause',
          () =>
            clinic.huda.run('mutation ($id: ID!) { pauseIntegration(id: $id, reason: "round") { id } }', {
              id: integrationId,
            }),
          async (request) => (await me(request, partner.token)) === 403,
        );
        await inForce(
          'resume',
          () => clinic.huda.run('mutation ($id: ID!) { resumeIntegration(id: $id) { id } }', { id: integrationId }),
          async (request) => (await me(request, partner.token)) === 200,
        );
        const { registerDocumentSet } = await clinic.huda.run(
          `mutation ($id: ID!, $text: String!, $key: String!) {
            registerDocumentSet(integrationId: $id, name: "round", manifest: $text, idempotencyKey: $key) { documentSet { id } documents { id } }
          }`,
          { id: integrationId, text: `query Round${round} { me { name } }`, key: `set-${Math.random()}` },
        );
        const setId = registerDocumentSet.documentSet.id;
        const documentId: string = registerDocumentSet.documents[0].id;
        await clinic.omar.run('mutation ($id: ID!) { approveDocumentSet(id: $id) { id } }', { id: setId });
        await inForce(
          'activate',
          () => clinic.omar.run('mutation ($id: ID!) { activateDocumentSet(id: $id) { id } }', { id: setId }),
          async (request) => (await ask(request, documentId)).status === 200,
        );
        await inForce(
          'retire',
          () => clinic.owner`update integration.documents set status = 'RETIRED' where hash = ${documentId}`,
          async (request) => (await ask(request, documentId)).status === 410,
        );
      }
      for (const found of Object.values(delays)) expect(Math.max(...found)).toBeLessThan(1000);
    }, 600_000);

    test('go on without the registry, one of them restarted: reads from the snapshot, no writes, and /readyz says so', async () => {
      const [request] = clinic.requests as [Request];
      const readiness = async () => (await request('/readyz')).body;
      const { generation } = await readiness();
      const before = await ask(request, partner.documents.LowStock ?? '', { first: 3 });
      await clinic.stopRegistry();
      await clinic.restartGateway(0);
      expect(await readiness()).toMatchObject({ status: 'reads-only', registry: 'stale', writes: false, generation });
      const read = await ask(request, partner.documents.LowStock ?? '', { first: 3 });
      expect([read.status, read.text]).toEqual([200, before.text]);
      const rest = await request('/api/v1/appointments?limit=2', {
        headers: { authorization: `Bearer ${partner.token}` },
      });
      expect(rest.status).toBe(200);
      // What touches the registry's own subgraph is answered whole or not at all.
      const [from, to] = [-4, 4].map((days) => new Date(Date.now() + days * 86_400_000).toISOString());
      const day = { from, to, first: 3 };
      for (const [name, variables] of [
        ['DaySheet', day],
        ['WhoAmI', {}],
      ] as const) {
        const { status, body } = await ask(request, partner.documents[name] ?? '', variables);
        expect([name, status, body.data, body.errors[0].extensions.code]).toEqual([
          name,
          503,
          undefined,
          'TEMPORARILY_UNAVAILABLE',
        ]);
      }
      const write = await ask(request, partner.documents.ConfirmPayment ?? '', {
        idempotencyKey: 'while-away',
        input: {
          invoiceId: 'inv_1',
          amountMinor: 1,
          currency: 'SAR',
          terminalId: 't',
          terminalTxnId: 'x',
          capturedAt: new Date().toISOString(),
        },
      });
      expect([write.status, write.body.errors[0].extensions.code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE']);
      expect(await me(request, 'dci_test_made_up')).toBe(401);
      await clinic.startRegistry();
      await everywhere(async (one) => (await one('/readyz')).body.writes === true);
    }, 120_000);
  });
});

function summary(found: readonly number[]): string {
  const sorted = found.toSorted((left, right) => left - right);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0).toFixed(0);
  return `${sorted.length} times, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`;
}
