import type { lookup } from 'node:dns';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEgress } from '../../workers/src/outbound/egress.ts';
import { makeCertificate } from '../support/certificate.ts';

const request = { headers: { 'webhook-id': 'evt_1' }, body: '{}', deadlineMs: 700 };

/** Addresses of our own and of nobody, in every notation that a URL parser or a resolver has ever taken. */
const LITERALS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '017700000001',
  '127.255.255.254',
  '0.0.0.0',
  '0',
  '10.0.0.1',
  '10.255.255.255',
  '167772161',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '0xc0a80001',
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '169.254.170.2',
  '100.64.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '192.88.99.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '[::1]',
  '[::]',
  '[::7f00:1]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:0:127.0.0.1]',
  '[0:0:0:0:0:ffff:a9fe:a9fe]',
  '[::ffff:169.254.169.254]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[2002:7f00:1::]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::1]',
  '[100::1]',
  '[100:0:0:1::1]',
  '[2001::1]',
  '[3fff::1]',
  '[5f00::1]',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
];
const NAMES = [
  'localhost',
  'LOCALHOST',
  'localhost.',
  'a.localhost',
  'intranet',
  'db.internal',
  'metadata.google.internal',
  'printer.local',
  'printer.local.',
  'router.lan',
  'host.localdomain',
];
const OTHERS = [
  'https://user@partner.example.com/',
  'https://user:password@partner.example.com/',
  'https://partner.example.com:22/',
  'https://partner.example.com:6379/',
  'https://partner.example.com:5432/',
  'https://partner.example.com:0/',
  'http://partner.example.com/',
  'ftp://partner.example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_FLUSHALL',
  'data:text/plain,x',
  'https://127.0.0.1@[::1]/',
  'not a url',
];
const TARGETS = [...LITERALS.map((host) => `https://${host}/`), ...NAMES.map((host) => `https://${host}/`), ...OTHERS];

test(`${TARGETS.length} hostile targets get no connection at all`, async () => {
  expect(TARGETS.length).toBeGreaterThanOrEqual(60);
  const asked: string[] = [];
  const resolver = ((host: string, _options: object, callback: (error: Error) => void) => {
    asked.push(host);
    callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  }) as typeof lookup;
  const egress = createEgress({ environment: 'production', allow: [], now: () => new Date(), lookup: resolver });
  for (const target of TARGETS) {
    const { outcome } = await egress.post(target, request);
    expect([target, outcome]).toEqual([target, { kind: 'failed', failure: 'blocked' }]);
  }
  expect(asked).toEqual([]);
  await egress.close();
});

test('a name that changes its mind between two looks is held to the addresses that were judged', async () => {
  let connections = 0;
  const trap = createTcpServer(() => {
    connections += 1;
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  let looks = 0;
  const rebinding = ((_host: string, _options: object, callback: (error: null, found: object[]) => void) => {
    looks += 1;
    // The first look shows a public address (of nobody), every later one our own.
    callback(null, [{ address: looks === 1 ? '240.0.0.0' : '127.0.0.1', family: 4 }]);
  }) as typeof lookup;
  const egress = createEgress({ environment: 'production', allow: [], now: () => new Date(), lookup: rebinding });
  for (let round = 0; round < 3; round += 1) {
    expect((await egress.post('https://rebind.example.com/', request)).outcome).toEqual({
      kind: 'failed',
      failure: 'blocked',
    });
  }
  expect(connections).toBe(0);
  await egress.close();
  trap.close();
});

describe('a hostile receiver', () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const origins: Record<string, string> = {};

  async function listen(name: string, server: Server, scheme = 'http', host = '127.0.0.1'): Promise<void> {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origins[name] = `${scheme}://${host}:${(server.address() as AddressInfo).port}`;
  }
  const http = (name: string, listener: RequestListener) => listen(name, createServer(listener));
  const raw = (name: string, onData: (socket: Socket) => void) =>
    listen(
      name,
      createTcpServer((socket) => socket.once('data', () => onData(socket))),
    );

  beforeAll(async () => {
    await http('silent', () => undefined);
    await listen(
      'accepts and says nothing, not even to a request',
      createTcpServer(() => undefined),
    );
    await http('drips its body', (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    await raw('drips its head', (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('x: y\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    await http('never ends', (_, response) => {
      response.on('error', () => undefined);
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', pour);
      };
      pour();
    });
    await http('promises a gigabyte', (_, response) => {
      response.writeHead(200, { 'content-length': 2 ** 30 }).write('x');
    });
    await raw('sends an endless head', (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}`));
    await raw('resets', (socket) => socket.resetAndDestroy());
    await raw('hangs up', (socket) => socket.end());
    await raw('talks nonsense', (socket) => socket.end('this is not HTTP\r\n\r\n'));
    await raw('has two lengths', (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'),
    );
    await http('redirects in a circle', (_, response) => response.writeHead(302, { location: '/' }).end());
    await http('informs for ever', (_, response) => {
      const timer = setInterval(() => response.writeProcessing(), 10);
      response.on('close', () => clearInterval(timer));
    });
    const expired = makeCertificate({ host: 'localhost', days: -1 });
    await listen(
      'shows an expired certificate',
      createTlsServer(expired, (_, response) => response.end()),
      'https',
      'localhost',
    );
    const other = makeCertificate({ host: 'other.example.com', days: 1 });
    await listen(
      'shows another host’s certificate',
      createTlsServer(other, (_, response) => response.end()),
      'https',
      'localhost',
    );
    await http('answers a bomb', (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(Buffer.alloc(1_000_000));
    });
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  test('of sixteen kinds lets the worker go within its deadline, and memory stays flat', async () => {
    const egress = createEgress({ environment: 'sandbox', allow: Object.values(origins), now: () => new Date() });
    expect(Object.keys(origins).length).toBeGreaterThanOrEqual(14);
    const round = async () =>
      Promise.all(
        Object.entries(origins).map(async ([name, origin]) => {
          const startedAt = performance.now();
          const { outcome, responsePrefix } = await egress.post(`${origin}/`, request);
          expect(performance.now() - startedAt, name).toBeLessThan(request.deadlineMs + 2_000);
          expect((responsePrefix ?? '').length).toBeLessThanOrEqual(1_024);
          return [name, outcome.kind === 'failed' ? outcome.failure : outcome.status] as const;
        }),
      );
    const found = Object.fromEntries(await round());
    expect(found).toMatchObject({
      silent: 'timeout',
      'accepts and says nothing, not even to a request': 'timeout',
      'drips its head': 'timeout',
      'drips its body': 200,
      'never ends': 200,
      'sends an endless head': 'malformed',
      resets: 'reset',
      'hangs up': 'reset',
      'talks nonsense': 'malformed',
      'redirects in a circle': 302,
      'shows an expired certificate': 'tls',
      'shows another host’s certificate': 'tls',
    });
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    for (let count = 0; count < 5; count += 1) await round();
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    await egress.close();
    // No connection outlives its request by being forgotten.
    const probe = connect(Number(new URL(origins.silent ?? '').port), '127.0.0.1');
    probe.destroy();
  }, 60_000);
});
