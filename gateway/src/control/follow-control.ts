import type { Logger } from '@bridgework/kernel/logger';
import { followStream, type StreamEvents } from './follow-stream.ts';
import { type LookAgain, type LookAgainOptions, lookAgain } from './look-again.ts';
import type { RegistryClient } from './registry-client.ts';

/** Somebody who says when it is worth looking again: Redis. */
export type HearNews = (onNews: LookAgain['heard']) => { close(): void };

export interface FollowOptions extends Pick<LookAgainOptions, 'held' | 'take'> {
  readonly client: RegistryClient;
  readonly events: StreamEvents;
  readonly hearNews?: HearNews;
  readonly log: Logger;
}

/** All that brings changes: the stream, its backstop, and who tells when to look. */
export function followControl(options: FollowOptions): { close(): Promise<void> } {
  const stream = followStream(options.client, options.events, options);
  const looking = lookAgain({ ...options, onSilence: stream.renew });
  const news = options.hearNews?.(looking.heard);
  return {
    async close() {
      news?.close();
      await looking.close();
      await stream.close();
    },
  };
}
