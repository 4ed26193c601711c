import { randomUUID } from 'node:crypto';
import { EVENT_TYPES } from '@bridgework/schema';
import { callAs, type FrontDoor } from './front-door.ts';
import { untilActive } from './until-active.ts';

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
  await untilActive('The endpoint of the receiver', () => statusOf(door, jwt, integrationId, endpoint.id));
  return { endpoint_id: endpoint.id, secret, receiver_url: receiverUrl };
}

async function statusOf(door: FrontDoor, jwt: string, integrationId: string, endpointId: string) {
  const { webhookEndpoints } = await callAs<{
    webhookEndpoints: { edges: { node: { id: string; status: string } }[] };
  }>(door, jwt, LOOK, { integrationId });
  return webhookEndpoints.edges.find(({ node }) => node.id === endpointId)?.node.status;
}

const CREATE = `mutation CreateEndpoint($input: CreateWebhookEndpointInput!, $key: String!) {
  createWebhookEndpoint(input: $input, idempotencyKey: $key) { endpoint { id } secret } }`;
const LOOK = `query Endpoints($integrationId: ID!) {
  webhookEndpoints(integrationId: $integrationId, first: 100) { edges { node { id status } } } }`;
