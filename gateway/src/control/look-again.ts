import type { Logger } from '@bridgework/kernel/logger';
import type { SignedSnapshot } from '@bridgework/schema';
import type { RegistryClient } from './registry-client.ts';

/** A revocation must be in force within a second, also when the stream has lost it without breaking. */
const LOOK_MS = 500;
/** The stream usually brings what was told of before it is worth a request of its own. */
const NEWS_GRACE_MS = 50;
/** So many looks that failed in a row, and the stream is opened anew: its connection may be dead without a word. */
const MAX_FAILED = 2;

export interface LookAgainOptions {
  readonly client: Pick<RegistryClient, 'newerThan'>;
  /** The generation that is held; undefined before the first. */
  readonly held: () => number | undefined;
  readonly take: (signed: SignedSnapshot) => void;
  readonly onSilence: () => void;
  readonly log: Logger;
}

export interface LookAgain {
  /** Somebody said that there may be this generation; without one, that something may have been missed. */
  heard(generation: number | undefined): void;
  close(): Promise<void>;
}

/** The backstop of the stream: asks by itself twice a second, and soon after somebody said that it is worth it. */
export function lookAgain(options: LookAgainOptions): LookAgain {
  const { client, held, take, onSilence, log } = options;
  let looking: Promise<void> | undefined;
  let failed = 0;
  const lookOnce = async () => {
    const generation = held();
    // Until there is a first snapshot the stream is being opened, and what it brings is whole.
    if (generation === undefined) return;
    try {
      const newer = await client.newerThan(generation);
      failed = 0;
      if (newer !== undefined) take(newer);
    } catch (error) {
      failed += 1;
      if (failed % MAX_FAILED !== 0) return;
      log.debug({ reason: error instanceof Error ? error.message : 'unknown' }, 'control_look.failed');
      onSilence();
    }
  };
  const look = () => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
  };
  const regular = setInterval(look, LOOK_MS);
  let soon: NodeJS.Timeout | undefined;
  return {
    heard(generation) {
      if (generation !== undefined && generation <= (held() ?? -1)) return;
      soon ??= setTimeout(() => {
        soon = undefined;
        if (generation === undefined || generation > (held() ?? -1)) look();
      }, NEWS_GRACE_MS);
    },
    async close() {
      clearInterval(regular);
      clearTimeout(soon);
      await looking;
    },
  };
}
