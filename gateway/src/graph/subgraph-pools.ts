import type { Readable } from 'node:stream';
import type { Address } from '@bridgework/kernel/config';
import { SUBGRAPH_NAMES, type SubgraphName } from '@bridgework/schema';
import { type Dispatcher, Pool } from 'undici';
import { TextBody } from './text-body.ts';

/**
 * One call may take this long, connecting and reading included: longer than the two seconds that a write may wait for its
 * idempotency key, or the caller would be told 503 where 409 is the answer.
 */
export const SUBGRAPH_TIMEOUT_MS = 3000;

export interface SubgraphCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default {@link SUBGRAPH_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /** When whoever asks gives up, in ms on the clock of `performance.now()`; an earlier end by the time-out stands. */
  readonly deadline?: number;
  /** The call changes nothing and is sent again once when its connection broke. */
  readonly repeatable: boolean;
}

export interface SubgraphAnswer {
  readonly status: number;
  readonly body: TextBody;
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
      const endsAt = Math.min(performance.now() + (call.timeoutMs ?? SUBGRAPH_TIMEOUT_MS), call.deadline ?? Infinity);
      try {
        return await send(pool, call, endsAt);
      } catch (error) {
        // A kept connection that its server has just closed: not yet a sign that the subgraph is away.
        if (call.repeatable && performance.now() < endsAt && hasBroken(error)) return send(pool, call, endsAt);
        throw error;
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

/** One call on undici's own dispatcher: its `request` and `fetch` cost several times as much for a small answer. */
function send(pool: Pool, call: SubgraphCall, endsAt: number): Promise<SubgraphAnswer> {
  const { method, path, headers, body = null } = call;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = 0;
    let controller: Dispatcher.DispatchController | undefined;
    let isSettled = false;
    const settle = () => {
      isSettled = true;
      clearTimeout(timer);
    };
    const giveUp = () => {
      const reason = new Error('The subgraph took too long.');
      settle();
      reject(reason);
      controller?.abort(reason);
    };
    const timer = setTimeout(giveUp, Math.max(0, endsAt - performance.now()));
    pool.dispatch(
      { method, path, headers: headers as Record<string, string>, body },
      {
        onRequestStart(started) {
          controller = started;
          // It waited for a connection, and nobody waits for it any longer.
          if (isSettled) started.abort(new Error('Given up before it was sent.'));
        },
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          settle();
          const [first] = chunks;
          const whole = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
          resolve({ status, body: TextBody.ofBytes(whole) });
        },
        onResponseError(_controller, error) {
          settle();
          reject(error);
        },
      },
    );
  });
}

const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

const hasBroken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && BROKEN.has(error.code);
