import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '@bridgework/kernel/logger';
import { ControlLine, type SignedSnapshot } from '@bridgework/schema';
import { readLines } from './read-lines.ts';
import type { RegistryClient } from './registry-client.ts';
import { parseJson } from './snapshot.ts';

/** A heartbeat comes every two seconds; without a line for this long the registry counts as lost. */
const SILENCE_MS = 5000;
/** The stream is opened anew this often: a snapshot's issue time stays young, and a lost notification is made good. */
const RENEW_MS = 60_000;
const RETRY_MS = 100;
/** A registry that stays away is not news ten times a second. */
const LOG_MS = 30_000;

export interface StreamEvents {
  /** What is refused is not to be believed, and the stream is given up; what is older says nothing about now. */
  snapshot(signed: SignedSnapshot): Taken;
  live(isLive: boolean): void;
}

export type Taken = 'taken' | 'older' | 'refused';

/** The stream, as long as it is followed. */
export interface Stream {
  /** Opens the stream anew, because this connection may be dead without a word. */
  renew(): void;
  close(): Promise<void>;
}

type Ending = 'renewed' | 'broken';

/** Holds one control stream open for as long as the gateway lives. */
export function followStream(client: RegistryClient, events: StreamEvents, { log }: { readonly log: Logger }): Stream {
  const stopped = new AbortController();
  let loggedAt = Number.NEGATIVE_INFINITY;
  const logBreak = (error: unknown) => {
    if (stopped.signal.aborted || performance.now() - loggedAt < LOG_MS) return;
    loggedAt = performance.now();
    log.warn({ reason: error instanceof Error ? error.message : 'unknown' }, 'control_stream.broken');
  };
  let renew = () => {};
  const follow = async () => {
    while (!stopped.signal.aborted) {
      const ending = await followOnce(client, events, stopped.signal, (cut) => {
        renew = cut;
      }).catch((error: unknown): Ending => {
        logBreak(error);
        return 'broken';
      });
      if (ending === 'renewed' || stopped.signal.aborted) continue;
      events.live(false);
      await wait(RETRY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const following = follow();
  return {
    renew: () => renew(),
    async close() {
      stopped.abort();
      await following;
    },
  };
}

async function followOnce(
  client: RegistryClient,
  events: StreamEvents,
  stopped: AbortSignal,
  renewable: (renew: () => void) => void,
): Promise<Ending> {
  const connection = new AbortController();
  const abort = () => connection.abort();
  let renewed = false;
  let silence = setTimeout(abort, SILENCE_MS);
  const renew = () => {
    renewed = true;
    abort();
  };
  const renewal = setTimeout(renew, RENEW_MS);
  renewable(renew);
  stopped.addEventListener('abort', abort, { once: true });
  try {
    for await (const line of readLines(await client.openStream(connection.signal))) {
      clearTimeout(silence);
      silence = setTimeout(abort, SILENCE_MS);
      const parsed = ControlLine.parse(parseJson(line));
      if ('heartbeat' in parsed) continue;
      const taken = events.snapshot(parsed);
      if (taken === 'refused') return 'broken';
      if (taken === 'taken') events.live(true);
    }
    return 'broken';
  } catch (error) {
    if (renewed) return 'renewed';
    throw error;
  } finally {
    clearTimeout(silence);
    clearTimeout(renewal);
    stopped.removeEventListener('abort', abort);
    abort();
  }
}
