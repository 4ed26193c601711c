import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One POST as it arrived. */
export interface ReceivedWebhook {
  readonly receivedAt: string;
  /** Whether the standardwebhooks library accepted its signature under a secret we know. */
  readonly verified: boolean;
  readonly eventId: string;
  readonly eventType: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The exact text, so that anybody can verify it again. */
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  /** Newest first, at most the last 200. */
  readonly received: readonly ReceivedWebhook[];
  /** A secret is known only after its endpoint was made, and the endpoint needs our URL first. */
  trust(secret: string): void;
  close(): Promise<void>;
}

export interface ReceiverOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly secrets?: readonly string[];
  readonly onReceived?: (webhook: ReceivedWebhook) => void;
}

const KEPT = 200;
const MAX_BODY_BYTES = 1_048_576;

/**
 * A partner's receiver in little, on loopback: `POST /` verifies a delivery as the documentation tells partners to and
 * answers 204, or 401 when the signature is not right; `GET /` shows what came as JSON. The challenge of an endpoint
 * whose secret it does not know yet is answered too: the secret is shown only after the endpoint exists.
 */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const received: ReceivedWebhook[] = [];
  const secrets = new Set(options.secrets);
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(400).end());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
      response.end(`${JSON.stringify(received, null, 2)}\n`);
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'GET, POST' }).end();
      return;
    }
    const body = await readBody(request);
    const webhook = judge(body, flatten(request), [...secrets]);
    received.unshift(webhook);
    received.length = Math.min(received.length, KEPT);
    const isChallengeAhead = webhook.eventType === 'endpoint.verification' && secrets.size === 0;
    response.writeHead(webhook.verified || isChallengeAhead ? 204 : 401).end();
    options.onReceived?.(webhook);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    trust: (secret) => {
      secrets.add(secret);
      // What came before its secret was known, the challenge above all, is judged again.
      for (const [position, { verified, receivedAt, body, headers }] of received.entries()) {
        if (!verified) received[position] = { ...judge(body, headers, [secret]), receivedAt };
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function judge(body: string, headers: Record<string, string>, secrets: readonly string[]): ReceivedWebhook {
  const verified = secrets.some((secret) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  });
  const { event_id, event_type } = parse(body);
  return {
    receivedAt: new Date().toISOString(),
    verified,
    eventId: typeof event_id === 'string' ? event_id : '',
    eventType: typeof event_type === 'string' ? event_type : '',
    headers,
    body,
  };
}

function parse(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error('The body is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function flatten(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}
