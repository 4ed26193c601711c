import { lookup as resolve } from 'node:dns';
import { EventEmitter } from 'node:events';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { Environment } from '@bridgework/schema';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { isPublicAddress } from './addresses.ts';
import type { SendFailure, SendOutcome } from './outcome.ts';
import { readRetryAfter } from './retry.ts';

/**
 * The only way out of this house to a partner. It reaches public addresses and the exceptions an operator wrote down,
 * follows no redirect, and gives every request one total deadline.
 *
 * @see OWASP Server-Side Request Forgery Prevention Cheat Sheet
 */
export interface Egress {
  /** Never throws: whatever happens is an outcome. */
  post(url: string, request: EgressRequest): Promise<EgressAnswer>;
  close(): Promise<void>;
}

export interface EgressRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Total deadline of this request, resolving and reading included; 10 s when not given. */
  readonly deadlineMs?: number;
  /** How much of the answer is kept; 1 KiB when not given, 16 KiB at most. */
  readonly keepBytes?: number;
}

export interface EgressAnswer {
  readonly outcome: SendOutcome;
  /** The beginning of what came back; null without an answer. Shown to managers only. */
  readonly responsePrefix: string | null;
  readonly durationMs: number;
}

export interface EgressOptions {
  readonly environment: Environment;
  /** Exact `scheme://host:port` entries that may be reached although they are not public. */
  readonly allow: readonly string[];
  readonly now: () => Date;
  /** The resolver; replaced where a test plays a hostile name server. */
  readonly lookup?: typeof resolve;
}

export const DEADLINE_MS = 10_000;
const MAX_READ_BYTES = 16 * 1024;
const PREFIX_BYTES = 1024;
const PORTS: Record<Environment, ReadonlySet<string>> = {
  production: new Set(['443', '8443']),
  sandbox: new Set(['80', '443', '8080', '8443']),
};
const LOCAL_NAME = /(^|\.)(local|internal|localhost|localdomain|lan|home|corp|intranet|private)\.?$/;

/** Refused by the guard; the message says why and is for the operator's log alone. */
export class BlockedError extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'BlockedError';
  }
}

/** What is wrong with a URL before anything is resolved; null when nothing is. */
export function refusalOf(url: URL, options: Pick<EgressOptions, 'environment' | 'allow'>): string | null {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'The URL is neither https nor http.';
  if (url.username !== '' || url.password !== '') return 'The URL carries a user name.';
  if (options.allow.includes(originOf(url))) return null;
  if (options.environment === 'production' && url.protocol !== 'https:') return 'The URL is not https.';
  if (!PORTS[options.environment].has(portOf(url))) return 'The port is not one that requests may use.';
  const host = hostOf(url);
  // undici asks no resolver about an address literal, so it is judged here.
  if (isIP(host) !== 0) return isPublicAddress(host) ? null : 'The address is not public.';
  if (!host.replace(/\.$/, '').includes('.') || LOCAL_NAME.test(host)) return 'The host name is a local one.';
  return null;
}

export function createEgress(options: EgressOptions): Egress {
  const agent = new Agent({
    connect: guardedConnector(options),
    pipelining: 1,
    keepAliveTimeout: 4_000,
    // The signal is the deadline of all of it; these two would start anew with every byte.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    async post(text, request) {
      const startedAt = performance.now();
      const done = (outcome: SendOutcome, responsePrefix: string | null = null): EgressAnswer => ({
        outcome,
        responsePrefix,
        durationMs: Math.round(performance.now() - startedAt),
      });
      const url = URL.canParse(text) ? new URL(text) : null;
      if (url === null || refusalOf(url, options) !== null) return done({ kind: 'failed', failure: 'blocked' });
      // A timer of our own that ends with the request: an AbortSignal's would go on to its end and fire for nobody.
      const signal = new EventEmitter();
      let isLate = false;
      const deadline = setTimeout(() => {
        isLate = true;
        signal.emit('abort');
      }, request.deadlineMs ?? DEADLINE_MS);
      try {
        const answer = await agent.request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: 'POST',
          headers: { 'content-type': 'application/json', 'user-agent': 'Bridgework-Webhooks/1', ...request.headers },
          body: request.body,
          signal,
        });
        const prefix =
          answer.statusCode === 204 ? '' : await readPrefix(answer.body, request.keepBytes ?? PREFIX_BYTES);
        const asked = readRetryAfter(headerOf(answer.headers['retry-after']), options.now());
        return done(
          { kind: 'answered', status: answer.statusCode, ...(asked === undefined ? {} : { retryAfterSeconds: asked }) },
          prefix,
        );
      } catch (error) {
        return done({ kind: 'failed', failure: classify(error, isLate) });
      } finally {
        clearTimeout(deadline);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Opens a connection only to addresses that were judged, and looks at where it arrived once more. */
function guardedConnector(options: EgressOptions): buildConnector.connector {
  const timeout = DEADLINE_MS;
  const open = buildConnector({ timeout });
  const guarded = buildConnector({ timeout, lookup: publicLookup(options.lookup ?? resolve) });
  return (target, callback) => {
    const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
    if (options.allow.includes(`${target.protocol}//${target.hostname}:${port}`)) return open(target, callback);
    guarded(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      const remote = (socket as Socket).remoteAddress;
      if (remote !== undefined && isPublicAddress(remote)) return callback(null, socket);
      socket.destroy();
      callback(new BlockedError('The connection arrived at an address that is not public.'), null);
    });
  };
}

/** Resolves a name once. One address that is not public refuses them all: a name that has both is playing for time. */
const publicLookup =
  (lookup: typeof resolve): LookupFunction =>
  (host, asked, callback) => {
    lookup(host, { ...asked, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(new BlockedError('The name leads to an address that is not public.'), '', 0);
      }
      if (asked.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

/** The status has been decided by now: a body that drips, never ends or breaks off changes nothing. */
async function readPrefix(body: Dispatcher.ResponseData['body'], keepBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      if (bytes < keepBytes) parts.push(part.subarray(0, keepBytes - bytes));
      bytes += part.length;
      if (bytes > MAX_READ_BYTES) break;
    }
  } catch {
    body.destroy();
  }
  // PostgreSQL's text cannot hold U+0000.
  return Buffer.concat(parts).toString('utf8').replaceAll('\0', '\uFFFD');
}

function classify(error: unknown, isLate: boolean): SendFailure {
  if (isLate) return 'timeout';
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof BlockedError) return 'blocked';
    if (cause.name === 'HTTPParserError') return 'malformed';
    const code = 'code' in cause ? String(cause.code) : '';
    if (/TIMEOUT|ETIMEDOUT/.test(code)) return 'timeout';
    if (/ENOTFOUND|EAI_|ENODATA/.test(code)) return 'dns';
    if (/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/.test(code)) return 'connect';
    if (/CERT|TLS|SSL|SELF_SIGNED|ALTNAME/.test(code)) return 'tls';
    if (/UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_/.test(code)) return 'malformed';
  }
  return 'reset';
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');
const portOf = (url: URL): string => (url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port);
const originOf = (url: URL): string => `${url.protocol}//${url.hostname}:${portOf(url)}`;
const headerOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;
