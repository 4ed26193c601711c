import type { Readable } from 'node:stream';
import type { Address } from '@bridgework/kernel/config';
import { SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import { Pool } from 'undici';

/** One call may take this long, connecting and reading included. */
export const SUBGRAPH_TIMEOUT_MS = 2000;

export interface SubgraphCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Default {@link SUBGRAPH_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /** The call changes nothing and is sent again once when its connection broke. */
  readonly repeatable: boolean;
}

export interface SubgraphAnswer {
  readonly status: number;
  readonly body: string;
}

/** Connections to one subgraph, over its unix socket or HTTP origin. Errors are undici's own: mask them at the caller. */
export interface SubgraphConnection {
  call(call: SubgraphCall): Promise<SubgraphAnswer>;
  /** A body without an end: no time-out but the signal. */
  stream(call: SubgraphCall & { readonly signal: AbortSignal }): Promise<{ status: number; body: Readable }>;
  close(): Promise<void>;
}

export type SubgraphConnections = Readonly<Record<SubgraphName, SubgraphConnection>>;

export function connectSubgraphs(addressOf: (name: SubgraphName) => Address): SubgraphConnections {
  const entries = SUBGRAPH_NAMES.map((name) => [name, connectSubgraph(addressOf(name))] as const);
  return Object.fromEntries(entries) as Record<SubgraphName, SubgraphConnection>;
}

export function connectSubgraph(address: Address): SubgraphConnection {
  const origin = address.kind === 'socket' ? 'http://localhost' : address.origin.origin;
  const pool = new Pool(origin, {
    connections: 64,
    pipelining: 1,
    keepAliveTimeout: 4000,
    maxResponseSize: 64 * 1024 * 1024,
    connect: { timeout: SUBGRAPH_TIMEOUT_MS, ...(address.kind === 'socket' ? { socketPath: address.path } : {}) },
  });
  return {
    async call(call) {
      const deadline = new AbortController();
      const abort = () => deadline.abort();
      const timer = setTimeout(abort, call.timeoutMs ?? SUBGRAPH_TIMEOUT_MS);
      call.signal?.addEventListener('abort', abort, { once: true });
      if (call.signal?.aborted === true) abort();
      try {
        return await send(pool, call, deadline.signal);
      } finally {
        clearTimeout(timer);
        call.signal?.removeEventListener('abort', abort);
      }
    },
    async stream({ method, path, headers, signal }) {
      const answer = await pool.request({
        method,
        path,
        headers,
        signal,
        headersTimeout: SUBGRAPH_TIMEOUT_MS,
        bodyTimeout: 0,
      });
      return { status: answer.statusCode, body: answer.body };
    },
    close: () => pool.destroy(),
  };
}

async function send(pool: Pool, call: SubgraphCall, signal: AbortSignal): Promise<SubgraphAnswer> {
  const { method, path, headers, body = null } = call;
  const attempt = async () => {
    const answer = await pool.request({ method, path, headers, body, signal });
    return { status: answer.statusCode, body: await answer.body.text() };
  };
  try {
    return await attempt();
  } catch (error) {
    // A kept connection that its server has just closed: not yet a sign that the subgraph is away.
    if (call.repeatable && !signal.aborted && hasBroken(error)) return attempt();
    throw error;
  }
}

const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

const hasBroken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && BROKEN.has(error.code);
