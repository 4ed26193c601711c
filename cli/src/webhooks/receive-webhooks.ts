import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One POST as it arrived. */
export interface ReceivedWebhook {
  readonly receivedAt: string;
  /** An off-the-shelf library accepted its signature under one of the secrets. */
  readonly verified: boolean;
  /** Empty when the body is no JSON object. */
  readonly eventId: string;
  readonly eventType: string;
  readonly body: string;
}

export interface WebhookReceiver {
  readonly origin: string;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 1_048_576;

/**
 * A partner's receiver in little, on loopback: what is verified is answered 204, the rest 401; a challenge 204, because
 * the endpoint shows its secret only once it exists. Rejects with EADDRINUSE when the port is taken.
 */
export async function receiveWebhooks(
  port: number,
  secrets: readonly string[],
  onReceived: (webhook: ReceivedWebhook) => void,
): Promise<WebhookReceiver> {
  const server = createServer((request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    readBody(request).then(
      (body) => {
        const webhook = judge(body, request.headers, secrets);
        const isChallenge = webhook.eventType === 'endpoint.verification';
        response.writeHead(webhook.verified || isChallenge ? 204 : 401).end();
        onReceived(webhook);
      },
      () => response.writeHead(413).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function judge(body: string, headers: IncomingMessage['headers'], secrets: readonly string[]): ReceivedWebhook {
  const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const verified = secrets.some((secret) => {
    try {
      new Webhook(secret).verify(body, flat);
      return true;
    } catch {
      return false;
    }
  });
  const { event_id: eventId, event_type: eventType } = parse(body);
  return {
    receivedAt: new Date().toISOString(),
    verified,
    eventId: textOf(eventId),
    eventType: textOf(eventType),
    body,
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function parse(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('The body is too large.');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
