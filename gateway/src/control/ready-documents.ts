import { setTimeout } from 'node:timers/promises';
import type { ControlSnapshot } from '@bridgework/schema';
import { documentIdOf, type PrepareDocument, type Readiness } from '../documents/prepare-document.ts';

/** The texts and prepared forms of the documents of the current snapshot. */
export interface ReadyDocuments {
  readonly prepared: ReadonlyMap<string, Readiness>;
  readonly texts: ReadonlyMap<string, string>;
  /** Ids that the snapshot wants executed and that have no text yet. */
  missing(snapshot: ControlSnapshot): string[];
  /** Takes a text that proves itself by its hash; false when it does not. */
  takeText(id: string, text: string): boolean;
  /** Prepares what has a text and is wanted, for as long as it is; lets other work run in between. */
  prepare(snapshot: ControlSnapshot, isStillWanted: () => boolean): Promise<void>;
  /** Forgets what the snapshot no longer names. */
  forgetOthers(snapshot: ControlSnapshot): void;
}

export function createReadyDocuments(
  prepareDocument: PrepareDocument,
  forgetPlan: (id: string) => void,
): ReadyDocuments {
  const texts = new Map<string, string>();
  const prepared = new Map<string, Readiness>();
  return {
    texts,
    prepared,
    missing: (snapshot) => wantedIds(snapshot).filter((id) => !texts.has(id)),
    takeText(id, text) {
      if (documentIdOf(text) !== id) return false;
      texts.set(id, text);
      return true;
    },
    async prepare(snapshot, isStillWanted) {
      for (const id of wantedIds(snapshot)) {
        if (!isStillWanted()) return;
        const text = texts.get(id);
        if (text === undefined || prepared.has(id)) continue;
        const begun = performance.now();
        prepared.set(id, prepareDocument(id, text));
        await letOthersWork(performance.now() - begun);
      }
    },
    forgetOthers(snapshot) {
      const named = new Set(snapshot.documents.map(({ id }) => id));
      for (const id of texts.keys()) if (!named.has(id)) texts.delete(id);
      for (const id of prepared.keys()) {
        if (named.has(id)) continue;
        prepared.delete(id);
        forgetPlan(id);
      }
    },
  };
}

/** How much longer than a document took, others may have the process for themselves. */
const SHARE_OF_OTHERS = 19;
const LOOK_MS = 3;
/** Of the time between two looks; a process that does less has nothing to do but wait for answers. */
const BUSY = 0.1;

/** Requests come first: while the process is busy, they are given nineteen times as long as the document took. */
async function letOthersWork(tookMs: number): Promise<void> {
  const until = performance.now() + tookMs * SHARE_OF_OTHERS;
  for (let earlier = performance.eventLoopUtilization(); performance.now() < until; ) {
    await setTimeout(LOOK_MS);
    const now = performance.eventLoopUtilization();
    if (performance.eventLoopUtilization(now, earlier).utilization < BUSY) return;
    earlier = now;
  }
}

/** It is executed, or will be once it is known to be ready. */
export const isWanted = ({ status }: ControlSnapshot['documents'][number]): boolean =>
  status !== 'RETIRED' && status !== 'BROKEN';

const wantedIds = (snapshot: ControlSnapshot): string[] => [
  ...new Set(snapshot.documents.filter(isWanted).map(({ id }) => id)),
];
