import { signatureOf } from '@bridgework/integration';

/**
 * The headers of Standard Webhooks 1.0: a signature over id, time and the exact body for each live secret, so that a
 * receiver can change secrets without missing a delivery. The id is the event's and stays over every retry and replay.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export interface WebhookHeaders {
  readonly 'webhook-id': string;
  /** Seconds since the epoch; a receiver refuses what is older than five minutes. */
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** `secrets` are the live `whsec_…` texts, newest first. */
export function signedHeaders(eventId: string, body: string, secrets: readonly string[], sentAt: Date): WebhookHeaders {
  const timestamp = String(Math.floor(sentAt.getTime() / 1000));
  return {
    'webhook-id': eventId,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatureOf(`${eventId}.${timestamp}.${body}`, secrets),
  };
}
