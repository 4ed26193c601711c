import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';

let clinic: Clinic;
beforeAll(async () => {
  clinic = await startClinic();
});
afterAll(() => clinic?.close());

const whoAmI = () => readFile(new URL('../../schema/operations/examples/who-am-i.graphql', import.meta.url), 'utf8');
let endpoints = 0;

/** A partner that asks by REST and by documents, and is told of appointments. */
async function livelyPartner(): Promise<Partner & { readonly documentName: string; readonly endpointId: string }> {
  const partner = await clinic.partner({
    scopes: ['read:appointments', 'webhook:receive'],
    documents: [await whoAmI()],
  });
  endpoints += 1;
  const { createWebhookEndpoint } = await clinic.huda.run(
    `mutation ($input: CreateWebhookEndpointInput!, $key: String!) {
      createWebhookEndpoint(input: $input, idempotencyKey: $key) { endpoint { id } }
    }`,
    {
      key: `endpoint-${endpoints}`,
      input: {
        integrationId: partner.integrationId,
        name: 'governance',
        url: clinic.receiver.url,
        eventTypes: ['appointment.created', 'appointment.updated'],
      },
    },
  );
  const endpointId: string = createWebhookEndpoint.endpoint.id;
  await eventually(async () => {
    const [row] = await clinic.owner`select status from integration.webhook_endpoints where id = ${endpointId}`;
    return row?.status === 'ACTIVE';
  });
  return { ...partner, documentName: Object.keys(partner.documents)[0] ?? '', endpointId };
}

const statesOf = async (endpointId: string): Promise<Record<string, number>> => {
  const rows = await clinic.owner<{ state: string; n: number }[]>`select d.state, count(*)::integer as n
    from integration.deliveries d join integration.webhook_endpoints e on e.key = d.endpoint_key
    where e.id = ${endpointId} group by 1`;
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
};

/** A change that both event types may follow from; one event each time. After the last one nobody is in its way. */
const move = () => clinic.core`update appointment.appointments set starts_at = starts_at + interval '1 minute',
    ends_at = ends_at + interval '1 minute'
  where id = (select id from appointment.appointments where status = 'SCHEDULED' and starts_at > now() order by ends_at desc, id limit 1)`;

/** How long until neither the token nor the document of a partner is good any more. */
async function stopped(partner: Awaited<ReturnType<typeof livelyPartner>>, status: number): Promise<number> {
  const asked = performance.now();
  await eventually(async () => (await partner.rest('GET', '/me')).status === status, { withinMs: 1_000 });
  await eventually(async () => (await partner.call(partner.documentName)).status === status, { withinMs: 1_000 });
  return performance.now() - asked;
}

describe.each([
  ['a pause', 'pauseIntegration(id: $id, reason: "incident") { id }', 'resumeIntegration(id: $id) { id }', 'id'],
  [
    'the emergency brake',
    'pauseAllIntegrations(reason: "leak") { generation }',
    'resumeAllIntegrations { generation }',
    '',
  ],
])('%s', (_name, pause, resume, argument) => {
  test('stops token, document and deliveries within a second; resumed, nothing is lost', async () => {
    const partner = await livelyPartner();
    const mutation = (text: string) => (argument === 'id' ? `mutation ($id: ID!) { ${text} }` : `mutation { ${text} }`);
    const variables = argument === 'id' ? { id: partner.integrationId } : {};
    await move();
    await eventually(async () => (await statesOf(partner.endpointId)).DELIVERED === 1);
    await clinic.huda.run(mutation(pause), variables);
    const pausedAt = performance.now();
    expect(await stopped(partner, 403)).toBeLessThan(1_000);
    await move();
    await eventually(async () => (await statesOf(partner.endpointId)).HELD === 1);
    const late = clinic.receiver.events.filter(({ atMs }) => atMs > pausedAt + 1_000);
    expect([late.length, (await statesOf(partner.endpointId)).DELIVERED]).toEqual([0, 1]);
    await clinic.omar.run(mutation(resume), variables);
    expect(await stopped(partner, 200)).toBeLessThan(1_000);
    await eventually(async () => (await statesOf(partner.endpointId)).DELIVERED === 2);
  });
});

test('an integration that ended is refused, and what it was to be told of is a dead letter, unauthorised', async () => {
  const partner = await livelyPartner();
  await clinic.huda.run('mutation ($id: ID!) { pauseIntegration(id: $id, reason: "before its end") { id } }', {
    id: partner.integrationId,
  });
  await move();
  await eventually(async () => (await statesOf(partner.endpointId)).HELD === 1);
  await clinic.omar.run('mutation ($id: ID!) { deprecateIntegration(id: $id, reason: "replaced") { status } }', {
    id: partner.integrationId,
  });
  await stopped(partner, 401);
  await eventually(async () => (await statesOf(partner.endpointId)).DEAD === 1);
  const dead = await clinic.huda.run(
    'query ($id: ID!) { deadLetters(filter: { endpointId: $id }, first: 10) { edges { node { deadReason } } } }',
    { id: partner.endpointId },
  );
  expect(dead.deadLetters.edges).toEqual([{ node: { deadReason: 'unauthorised' } }]);
});

test('a rotated token and its predecessor are both good during the overlap, and a replay tells no secret', async () => {
  const partner = await clinic.partner({ scopes: ['read:appointments'] });
  const end = new Date(Date.now() + 86_400_000).toISOString();
  const rotate = () =>
    clinic.huda.run(
      `mutation ($id: ID!, $end: DateTime!) {
        rotateToken(input: { id: $id, overlapHours: 1, expiresAt: $end }, idempotencyKey: "rotate") {
          secret token { id rotatedFrom lastUsedAt }
        }
      }`,
      { id: partner.tokenId, end },
    );
  const { rotateToken } = await rotate();
  expect(rotateToken.token.rotatedFrom).toBe(partner.tokenId);
  const me = (token: string) => clinic.fetch('/api/v1/me', { headers: { authorization: `Bearer ${token}` } });
  await eventually(async () => (await me(rotateToken.secret)).status === 200, { withinMs: 1_000 });
  expect((await me(partner.token)).status).toBe(200);
  expect((await rotate()).rotateToken).toMatchObject({ secret: null, token: { id: rotateToken.token.id } });
  await eventually(async () => {
    const again = await rotate();
    return again.rotateToken.token.lastUsedAt !== null;
  });
});

test('managers see alerts, health, uses and what was asked, by their own graph', async () => {
  const partner = await clinic.partner({ scopes: ['read:appointments'] });
  const data = await clinic.huda.run(
    `query ($id: ID!) {
      systemHealth { environment generation gateways eventsWaiting deliveriesPending deadLetters alertsOpen singleManager }
      alerts(first: 5) { edges { node { id kind detail raisedAt acknowledgedAt } } }
      integration(id: $id) {
        status reviewDueOn editedBy submittedBy decidedBy uses { kind name declared observed lastUsedAt }
        approvals { kind status singleManager withdrawnAt }
      }
      observedOperations(integrationId: $id, first: 5) { edges { node { operation count } } }
    }`,
    { id: partner.integrationId },
  );
  expect(data.systemHealth).toMatchObject({ environment: 'SANDBOX', gateways: [expect.stringMatching(/^gw_/)] });
  expect(data.integration).toMatchObject({
    status: 'ACTIVE',
    submittedBy: expect.stringContaining('huda'),
    decidedBy: expect.stringContaining('omar'),
    approvals: [{ kind: 'INTEGRATION', status: 'APPROVED', singleManager: false }],
  });
});
