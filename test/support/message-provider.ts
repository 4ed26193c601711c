import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a provider was sent. */
export interface Sent {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Ours, wherever this kind of provider carries it. */
  readonly messageId: string;
}

/** How a provider behaves towards one request. */
export type Manner = (sent: Sent, response: ServerResponse) => void;

export interface FakeProvider {
  readonly origin: string;
  readonly sent: readonly Sent[];
  behave(manner: Manner): void;
  close(): Promise<void>;
}

const json = (status: number, body: unknown): Manner => {
  return (_sent, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const fresh = () => `SM${randomBytes(16).toString('hex')}`;

/** Manners of both APIs: what each accepts, refuses and garbles. */
export const MANNERS = {
  accept: (sent, response) => json(201, { sid: fresh(), messages: [{ id: `wamid.${fresh()}` }] })(sent, response),
  refuse: json(401, { code: 20003, message: 'Authenticate', error: { code: 190 } }),
  failing: json(503, {}),
  limited: (_sent, response) => response.writeHead(429, { 'retry-after': '60' }).end(),
  hang: () => undefined,
  drip: (_sent, response) => void response.writeHead(201).write('{"sid":'),
  nonsense: (_sent, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
  sameId: json(201, { sid: 'SM00000000', messages: [{ id: 'wamid.00000000' }] }),
  reset: (_sent, response) => void response.socket?.destroy(),
  badNumber: json(400, { code: 21211, message: 'The number +966501234567 is not valid', error: { code: 131_026 } }),
  unsubscribed: json(400, { code: 21610, error: { code: 131_050 } }),
} satisfies Record<string, Manner>;

/** A provider on loopback that speaks Twilio's API and WhatsApp's, as well as it is told to. */
export async function startMessageProvider(): Promise<FakeProvider> {
  const all: Sent[] = [];
  let manner: Manner = MANNERS.accept;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    const messageId = /msg_[0-9a-z]{26}/.exec(decodeURIComponent(body))?.[0] ?? '';
    const sent = { path: request.url ?? '', headers: request.headers, body, messageId };
    all.push(sent);
    manner(sent, response);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: all,
    behave(next) {
      manner = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
