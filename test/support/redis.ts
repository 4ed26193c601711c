import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';

/** A Redis that belongs to one test file: either REDIS_URL's, or a server of our own on a spare port. */
export interface TestRedis {
  readonly url: string;
  /** Everything the server holds: keys, and what is in them. For looking for secrets. */
  dump(): Promise<string>;
  flushAll(): Promise<void>;
  /** `maxmemory`: beyond it every write is refused; `0` for no limit. */
  limitMemory(limit: string): Promise<void>;
  /** Only a server of our own can be stopped and started; with REDIS_URL these throw. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Why the Redis suites cannot run here; undefined when they can. */
export function whyNoRedis(): string | undefined {
  if (process.env.REDIS_URL !== undefined && process.env.REDIS_URL !== '') return undefined;
  if (findBinary() !== undefined) return undefined;
  return 'no redis-server or valkey-server on PATH and no REDIS_URL: install one, or set REDIS_URL, to run these';
}

export async function openRedis(): Promise<TestRedis> {
  const given = process.env.REDIS_URL;
  return given === undefined || given === '' ? startServer() : describeRedis(given);
}

function findBinary(): string | undefined {
  for (const name of ['redis-server', 'valkey-server']) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

async function startServer(): Promise<TestRedis> {
  const binary = findBinary();
  if (binary === undefined) throw new Error(whyNoRedis());
  const folder = mkdtempSync(join(tmpdir(), 'bridgework-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const options = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    child = spawn(binary ?? '', [...options, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
    await eventually(() => ping(url), { what: 'redis answers' });
  }
  async function kill(): Promise<void> {
    const ended = child;
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return;
    const gone = new Promise((resolve) => ended.once('exit', resolve));
    ended.kill('SIGKILL');
    await gone;
  }

  await start();
  return {
    ...describeRedis(url),
    kill,
    restart: start,
    async close() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function describeRedis(url: string): TestRedis {
  const ours = () => Promise.reject(new Error('This Redis was given by REDIS_URL and is not ours to stop.'));
  return {
    url,
    dump: () => using(url, dumpAll),
    flushAll: () =>
      using(url, async (redis) => {
        await redis.flushall();
      }),
    limitMemory: (limit) =>
      using(url, async (redis) => {
        await redis.config('SET', 'maxmemory', limit);
      }),
    kill: ours,
    restart: ours,
    close: async () => undefined,
  };
}

async function dumpAll(redis: Redis): Promise<string> {
  const keys = await redis.keys('*');
  const contents = await Promise.all(
    keys.map(async (key) => `${key} ${(await redis.dumpBuffer(key)).toString('latin1')}`),
  );
  return contents.join('\n');
}

async function using<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

const ping = (url: string): Promise<boolean> =>
  using(url, async (redis) => (await redis.ping()) === 'PONG').catch(() => false);

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject()));
    });
  });
}
