import type { lookup } from 'node:dns';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { isPublicAddress } from '../../workers/src/outbound/addresses.ts';
import { createEgress, type Egress, type EgressOptions, refusalOf } from '../../workers/src/outbound/egress.ts';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(listener: RequestListener): Promise<{ url: string; origin: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `${origin}/hook`, origin, server };
}

async function serveRaw(onConnection: (socket: Socket) => void): Promise<{ url: string; origin: string }> {
  const server = createTcpServer(onConnection);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `${origin}/hook`, origin };
}

function open(options: Partial<EgressOptions>): Egress {
  const egress = createEgress({ environment: 'sandbox', allow: [], now: () => new Date(), ...options });
  closing.push(() => egress.close());
  return egress;
}

const request = { headers: { 'webhook-id': 'evt_1' }, body: '{}' };

describe('addresses', () => {
  test.each(['8.8.8.8', '93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '198.18.0.1',
    '192.0.2.1',
    '203.0.113.7',
    '168.63.129.16',
    '192.88.99.1',
    '240.0.0.1',
    '::1',
    '::',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    'fe80::1',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '2001:db8::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '100::1',
    '100:0:0:1::1',
    'localhost',
    '',
    '1.2.3',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('URLs', () => {
  const judge = (url: string, environment: 'sandbox' | 'production' = 'production', allow: string[] = []) =>
    refusalOf(new URL(url), { environment, allow });

  test('https on 443 and 8443 goes out', () => {
    expect(judge('https://partner.example.com/hook')).toBeNull();
    expect(judge('https://partner.example.com:8443/hook')).toBeNull();
  });

  test.each([
    'http://partner.example.com/',
    'https://partner.example.com:8080/',
    'ftp://partner.example.com/',
    'https://user@partner.example.com/',
    'https://localhost/',
    'https://intranet/',
    'https://db.internal/',
    'https://printer.local./',
    'https://a.localhost/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://10.1.2.3/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
  ])('%s does not', (url) => {
    expect(judge(url)).not.toBeNull();
  });

  test('an exception is exact: scheme, host and port', () => {
    const allow = ['http://127.0.0.1:9000'];
    expect(judge('http://127.0.0.1:9000/x', 'sandbox', allow)).toBeNull();
    expect(judge('http://127.0.0.1:9001/x', 'sandbox', allow)).not.toBeNull();
    expect(judge('https://127.0.0.1:9000/x', 'sandbox', allow)).not.toBeNull();
    expect(judge('http://localhost:9000/x', 'sandbox', allow)).not.toBeNull();
    expect(judge('http://user@127.0.0.1:9000/x', 'sandbox', allow)).not.toBeNull();
  });
});

describe('sending', () => {
  test('nothing that is not allowed is even connected to', async () => {
    let connections = 0;
    const { url, server } = await serve((_, response) => response.end());
    server.on('connection', () => {
      connections += 1;
    });
    expect((await open({}).post(url, request)).outcome).toEqual({ kind: 'failed', failure: 'blocked' });
    expect(connections).toBe(0);
  });

  test('a name that leads to any address of our own is refused, whatever else it leads to', async () => {
    const hostile = ((_host: string, _options: object, callback: (error: null, found: object[]) => void) =>
      callback(null, [
        { address: '93.184.216.34', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])) as typeof lookup;
    const answer = await open({ lookup: hostile }).post('https://rebind.example.com/', request);
    expect(answer.outcome).toEqual({ kind: 'failed', failure: 'blocked' });
  });

  test('a name that cannot be resolved is a failure of its own kind', async () => {
    const missing = ((_host: string, _options: object, callback: (error: Error, found: object[]) => void) =>
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])) as typeof lookup;
    const answer = await open({ lookup: missing }).post('https://gone.example.com/', request);
    expect(answer.outcome).toEqual({ kind: 'failed', failure: 'dns' });
  });

  test('the body arrives as it is, and an answer comes back with its status and how long to wait', async () => {
    let got: { body: string; id: string | undefined } | undefined;
    const { url, origin } = await serve((incoming, response) => {
      let body = '';
      incoming.on('data', (part: Buffer) => {
        body += part.toString();
      });
      incoming.on('end', () => {
        got = { body, id: incoming.headers['webhook-id']?.toString() };
        response.writeHead(503, { 'retry-after': '7' }).end('busy');
      });
    });
    const answer = await open({ allow: [origin] }).post(url, { ...request, body: '{"ä":1}' });
    expect(got).toEqual({ body: '{"ä":1}', id: 'evt_1' });
    expect(answer).toMatchObject({
      outcome: { kind: 'answered', status: 503, retryAfterSeconds: 7 },
      responsePrefix: 'busy',
    });
  });

  test('a redirect is an answer and is not followed', async () => {
    let hits = 0;
    const { url, origin } = await serve((_, response) => {
      hits += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect((await open({ allow: [origin] }).post(url, request)).outcome).toEqual({ kind: 'answered', status: 302 });
    expect(hits).toBe(1);
  });

  test('of a huge answer little is read and 1 KiB kept', async () => {
    const { url, origin } = await serve((_, response) => {
      response.on('error', () => undefined);
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', pour);
      };
      pour();
    });
    const answer = await open({ allow: [origin] }).post(url, request);
    expect(answer.outcome).toEqual({ kind: 'answered', status: 200 });
    expect(answer.responsePrefix).toHaveLength(1024);
  });

  test('the deadline is total: silence, and a body that drips, end at it', async () => {
    const silent = await serve(() => undefined);
    const egress = open({ allow: [silent.origin] });
    const answer = await egress.post(silent.url, { ...request, deadlineMs: 200 });
    expect(answer.outcome).toEqual({ kind: 'failed', failure: 'timeout' });
    expect(answer.durationMs).toBeLessThan(2_000);

    const dripping = await serve((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const drip = await open({ allow: [dripping.origin] }).post(dripping.url, { ...request, deadlineMs: 300 });
    expect(drip.outcome).toEqual({ kind: 'answered', status: 200 });
    expect(drip.durationMs).toBeLessThan(2_000);
  });

  test('a receiver that resets, talks nonsense or is not there is each named', async () => {
    const resetting = await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const babbling = await serveRaw((socket) => socket.once('data', () => socket.end('this is not HTTP\r\n\r\n')));
    const { url, origin, server } = await serve(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const egress = open({ allow: [resetting.origin, babbling.origin, origin] });
    expect((await egress.post(resetting.url, request)).outcome).toEqual({ kind: 'failed', failure: 'reset' });
    expect((await egress.post(babbling.url, request)).outcome).toEqual({ kind: 'failed', failure: 'malformed' });
    expect((await egress.post(url, request)).outcome).toEqual({ kind: 'failed', failure: 'connect' });
  });
});
