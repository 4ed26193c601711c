import { randomUUID } from 'node:crypto';
import { EVENT_TYPES } from '@bridgework/schema';
import { callAs, type FrontDoor } from './front-door.ts';

export interface ProvisionedWebhook {
  readonly endpoint_id: string;
  readonly secret: string;
  readonly receiver_url: string;
}

/** Subscribes a partner's receiver to everything that happens in the clinic. */
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
  return { endpoint_id: endpoint.id, secret, receiver_url: receiverUrl };
}

const CREATE = `mutation CreateEndpoint($input: CreateWebhookEndpointInput!, $key: String!) {
  createWebhookEndpoint(input: $input, idempotencyKey: $key) { endpoint { id } secret } }`;
