import { connect, createServer } from 'node:net';

/** A socket in front of a socket that counts what is asked through it: to show that nothing was. */
export interface CountingProxy {
  /** Bytes that clients have sent so far. */
  asked(): number;
  close(): Promise<void>;
}

export async function startCountingProxy(path: string, target: string): Promise<CountingProxy> {
  let bytes = 0;
  const server = createServer((client) => {
    const upstream = connect(target);
    client.on('data', (chunk) => {
      bytes += chunk.length;
    });
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    asked: () => bytes,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
