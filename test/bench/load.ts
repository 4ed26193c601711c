import { connect } from 'node:net';

export interface Load {
  readonly port: number;
  /** Whole HTTP/1.1 requests, sent in turn. */
  readonly requests: readonly Buffer[];
  readonly connections: number;
  readonly seconds: number;
  /** At most this many requests in a second, evenly spread, asked for at each; default: as many as are answered. */
  readonly perSecond?: number | (() => number);
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
  /** Answers that were not 200, or held errors; the first one's text. */
  readonly failed: number;
  readonly firstFailure: string | undefined;
}

/**
 * Sends requests over kept connections, one under way on each, and reads no more of the answers than their length and
 * status: the generator must cost far less than what it measures. Latencies are counted from when a request was due.
 */
export async function applyLoad(load: Load): Promise<LoadResult> {
  const state: State = {
    load,
    next: 0,
    latencies: [],
    failed: 0,
    firstFailure: undefined,
    until: performance.now() + load.seconds * 1000,
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: load.connections }, (_, index) => drive(state, index)));
  const seconds = (performance.now() - begun) / 1000;
  const sorted = Float64Array.from(state.latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const { failed, firstFailure } = state;
  return {
    perSecond: sorted.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    count: sorted.length,
    failed,
    firstFailure,
  };
}

interface State {
  readonly load: Load;
  next: number;
  readonly latencies: number[];
  failed: number;
  firstFailure: string | undefined;
  readonly until: number;
}

function drive(state: State, index: number): Promise<void> {
  const { port, requests, perSecond, connections } = state.load;
  const everyMs = (): number => {
    const rate = typeof perSecond === 'function' ? perSecond() : perSecond;
    return rate === undefined ? 0 : (connections / rate) * 1000;
  };
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let due = performance.now() + (everyMs() * index) / connections;
    let pending: Buffer | undefined;
    const send = () => {
      if (perSecond === undefined) due = performance.now();
      const request = requests[state.next % requests.length];
      state.next += 1;
      if (request !== undefined) socket.write(request);
    };
    const sendWhenDue = () => {
      if (performance.now() >= state.until) {
        socket.end();
        return resolve();
      }
      const wait = due - performance.now();
      if (perSecond !== undefined && wait > 0.5) setTimeout(send, wait);
      else send();
    };
    socket.on('connect', sendWhenDue);
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      const received = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
      if (!isWhole(received)) {
        pending = received;
        return;
      }
      pending = undefined;
      state.latencies.push(performance.now() - due);
      note(state, received);
      due += everyMs();
      sendWhenDue();
    });
  });
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const ERRORS = Buffer.from('{"errors"');

/** Heads are short; where an answer ends is told by its length. */
function isWhole(received: Buffer): boolean {
  const end = received.indexOf(END_OF_HEAD);
  if (end < 0) return false;
  const head = received.toString('latin1', 0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  return length === undefined
    ? received.toString('latin1', received.length - 5) === '0\r\n\r\n'
    : received.length >= end + 4 + Number(length);
}

function note(state: State, received: Buffer): void {
  const isFine = received[9] === 0x32 && received.indexOf(ERRORS) < 0;
  if (isFine) return;
  state.failed += 1;
  state.firstFailure ??= received.toString('utf8').slice(0, 2000);
}

/** Warms a server up: until answers come and its code is hot. */
export async function warmUp(load: Omit<Load, 'seconds'>, seconds = 2): Promise<void> {
  const { failed, firstFailure } = await applyLoad({ ...load, seconds });
  if (failed > 0) throw new Error(`The requests of the benchmark fail: ${firstFailure}`);
}

export function httpRequest(path: string, headers: Readonly<Record<string, string>>, body: unknown): Buffer {
  const text = JSON.stringify(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${lines.join('')}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
