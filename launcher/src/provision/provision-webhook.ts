import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { EVENT_TYPES } from '@bridgework/schema';
import { callAs, type FrontDoor } from './front-door.ts';

export interface ProvisionedWebhook {
  readonly endpoint_id: string;
  readonly secret: string;
  readonly receiver_url: string;
}

/**
 * Subscribes a partner's receiver to everything that happens in the clinic, and waits until it has answered the
 * challenge: an endpoint is told of nothing that happened before.
 */
export async function provisionWebhook(
  door: FrontDoor,
  jwt: string,
  { integrationId, receiverUrl }: { readonly integrationId: string; readonly receiverUrl: string },
): Promise<ProvisionedWebhook> {
  const { createWebhookEndpoint } = await callAs<{
    createWebhookEndpoint: { endpoint: { id: string }; secret: string | null };
  }>(door, jwt, CREATE, {
    key: randomUUID(),
    input: { integrationId, url: receiverUrl, name: 'Sandbox receiver', eventTypes: EVENT_TYPES },
  });
  const { endpoint, secret } = createWebhookEndpoint;
  if (secret === null) throw new Error('The endpoint came without its secret.');
  await untilActive(door, jwt, integrationId, endpoint.id);
  return { endpoint_id: endpoint.id, secret, receiver_url: receiverUrl };
}

const ACTIVE_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 100;

async function untilActive(door: FrontDoor, jwt: string, integrationId: string, endpointId: string): Promise<void> {
  const deadline = Date.now() + ACTIVE_WITHIN_MS;
  for (;;) {
    const { webhookEndpoints } = await callAs<{
      webhookEndpoints: { edges: { node: { id: string; status: string } }[] };
    }>(door, jwt, LOOK, { integrationId });
    const status = webhookEndpoints.edges.find(({ node }) => node.id === endpointId)?.node.status;
    if (status === 'ACTIVE') return;
    if (Date.now() > deadline) throw new Error(`The receiver was not verified in time; its endpoint is ${status}.`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

const CREATE = `mutation CreateEndpoint($input: CreateWebhookEndpointInput!, $key: String!) {
  createWebhookEndpoint(input: $input, idempotencyKey: $key) { endpoint { id } secret } }`;
const LOOK = `query Endpoints($integrationId: ID!) {
  webhookEndpoints(integrationId: $integrationId, first: 100) { edges { node { id status } } } }`;
