import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it came in. */
export interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly payload: { readonly event_id: string; readonly event_type: string } & Record<string, unknown>;
  readonly atMs: number;
}

/** What to answer: a status, with headers, or nothing at all. */
export type Answer =
  | number
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'never';

/** A partner's server: a real one, on loopback. */
export interface Receiver {
  readonly url: string;
  /** `http://127.0.0.1:<port>`, as EGRESS_ALLOW wants it. */
  readonly origin: string;
  /** Events, without challenges, in order of arrival. */
  readonly events: readonly Received[];
  readonly challenges: readonly Received[];
  /** From now on. The function may wait before it answers. */
  answer(next: (received: Received, count: number) => Answer | Promise<Answer>): void;
  /** The same for challenges, which are otherwise answered well. */
  answerChallenges(next: () => Answer | Promise<Answer>): void;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const events: Received[] = [];
  const challenges: Received[] = [];
  let next: (received: Received, count: number) => Answer | Promise<Answer> = () => 204;
  let nextChallenge: () => Answer | Promise<Answer> = () => 204;

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    const received: Received = {
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
      body,
      payload: JSON.parse(body) as Received['payload'],
      atMs: performance.now(),
    };
    const isChallenge = received.payload.event_type === 'endpoint.verification';
    (isChallenge ? challenges : events).push(received);
    const answer = isChallenge ? await nextChallenge() : await next(received, events.length);
    if (answer === 'never') return;
    const { status, headers = {}, body: text = '' } = typeof answer === 'number' ? { status: answer } : answer;
    response.writeHead(status, headers).end(text);
  }

  const server = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/webhooks`,
    origin,
    events,
    challenges,
    answer(answerNext) {
      next = answerNext;
    },
    answerChallenges(answerNext) {
      nextChallenge = answerNext;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
