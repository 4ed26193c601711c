import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface CountingReceiverOptions {
  readonly delayMs?: number;
  /** Every so many-th request is answered 500. */
  readonly failEvery?: number;
  /** Every so many-th connection is reset instead of answered. */
  readonly resetEvery?: number;
}

/** A receiver that remembers which events it has accepted, and nothing else of them. */
export interface CountingReceiver {
  readonly url: string;
  readonly origin: string;
  /** Requests that were answered 2xx. */
  accepted(): number;
  /** Events among them. */
  distinct(): number;
  /** Requests on the way at the same moment, at most. */
  readonly mostAtOnce: () => number;
  /** When the last request began, by `performance.now()`. */
  lastRequestAt(): number;
  /** Refuses connections until resumed. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

export async function startCountingReceiver(options: CountingReceiverOptions = {}): Promise<CountingReceiver> {
  const seen = new Set<string>();
  const sockets = new Set<Socket>();
  let accepted = 0;
  let requests = 0;
  let open = 0;
  let most = 0;
  let lastAt = 0;
  let server: Server;
  let port = 0;

  function listen(): Promise<void> {
    server = createServer((request, response) => {
      requests += 1;
      lastAt = performance.now();
      open += 1;
      most = Math.max(most, open);
      response.once('close', () => {
        open -= 1;
      });
      const number = requests;
      request.resume().once('end', () => {
        setTimeout(() => {
          if (options.resetEvery !== undefined && number % options.resetEvery === 0)
            return request.socket.resetAndDestroy();
          if (options.failEvery !== undefined && number % options.failEvery === 0) return response.writeHead(500).end();
          seen.add(String(request.headers['webhook-id']));
          accepted += 1;
          response.writeHead(204).end();
        }, options.delayMs ?? 0);
      });
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }
  function pause(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  }

  await listen();
  return {
    url: `http://127.0.0.1:${port}/hook`,
    origin: `http://127.0.0.1:${port}`,
    accepted: () => accepted,
    distinct: () => seen.size,
    mostAtOnce: () => most,
    lastRequestAt: () => lastAt,
    pause,
    resume: listen,
    close: pause,
  };
}
