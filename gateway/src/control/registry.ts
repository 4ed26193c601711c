import type { KeyObject } from 'node:crypto';
import type { Logger } from '@bridgework/kernel/logger';
import type { ControlSnapshot, Environment, SignedSnapshot } from '@bridgework/schema';
import type { PrepareDocument } from '../documents/prepare-document.ts';
import { fetchTexts } from './fetch-texts.ts';
import { followControl, type HearNews } from './follow-control.ts';
import type { StreamEvents, Taken } from './follow-stream.ts';
import { buildGeneration, type Generation } from './generation.ts';
import type { LastGoodFile } from './last-good.ts';
import { createReadyDocuments, isWanted, type ReadyDocuments } from './ready-documents.ts';
import type { RegistryClient } from './registry-client.ts';
import { judgeSnapshot } from './snapshot.ts';
import type { ReportSpool } from './spool.ts';

/** How long a gateway goes on from a snapshot that nobody confirms, counted from its signed issue time. */
export const MAX_SNAPSHOT_AGE_MS = 15 * 60_000;
/** The registry signs anew every fifteen seconds; when it does not, what it would say of now is not known. */
const CONFIRMED_MS = 90_000;

/** `live`: the registry answers. `stale`: it does not, and reads go on from the last good snapshot. `away`: nothing to go on from. */
export type RegistryState = 'live' | 'stale' | 'away';

/** What the gateway knows of tokens and documents, kept up to date by the control stream. */
export interface Registry {
  /** The generation to judge a request by; undefined when the state is `away`. */
  current(): Generation | undefined;
  state(): RegistryState;
  /** A change has taken effect for tokens, and some of its documents are still being made ready. */
  isCompleting(): boolean;
  /** Begins to follow; resolves when there is a first generation. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

export interface RegistryOptions {
  readonly client: RegistryClient;
  readonly lastGood: LastGoodFile;
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  readonly environment: Environment;
  readonly prepareDocument: PrepareDocument;
  readonly forgetPlan: (id: string) => void;
  readonly spool: Pick<ReportSpool, 'compiled'>;
  readonly hearNews?: HearNews;
  readonly now: () => Date;
  readonly log: Logger;
}

interface Held {
  signed: SignedSnapshot;
  snapshot: ControlSnapshot;
}

export function followRegistry(options: RegistryOptions): Registry {
  const documents = createReadyDocuments(options.prepareDocument, options.forgetPlan);
  const reported = new Set<string>();
  const first = milestone();
  let held: Held | undefined;
  /** What an earlier process of this gateway had seen: nothing before it is taken, from wherever it comes. */
  let floor: ControlSnapshot | undefined;
  let generation: Generation | undefined;
  let live = false;
  let closing = false;
  let completing: Promise<void> | undefined;

  /** Tokens and states take effect at once; documents that are new follow when they are ready. */
  const take = (signed: SignedSnapshot, origin: 'stream' | 'file'): Taken => {
    const { publicKeys, environment } = options;
    const verdict = judgeSnapshot(signed, { publicKeys, environment, seen: held?.snapshot ?? floor });
    if (verdict.kind === 'refused') {
      options.log.error({ reason: verdict.reason, origin }, 'snapshot.refused');
      // An older one is no forgery: two registries may be asked in turn. But it does not say that nothing has changed.
      if (verdict.reason !== 'older') return 'refused';
      if (held === undefined) goOnFromFile();
      return 'older';
    }
    if (verdict.kind === 'known' && held !== undefined) return 'taken';
    if (origin === 'file' && isTooOld(verdict.snapshot, options.now())) return 'refused';
    held = { signed, snapshot: verdict.snapshot };
    documents.forgetOthers(held.snapshot);
    forgetReported(reported, held.snapshot);
    if (generation !== undefined) generation = buildGeneration(held.snapshot, documents.prepared);
    completing ??= complete().finally(() => {
      completing = undefined;
    });
    return 'taken';
  };

  const complete = async () => {
    for (let done: Held | undefined; held !== undefined && done !== held; ) {
      const target = held;
      await fetchTexts(target.snapshot, documents, options);
      await documents.prepare(target.snapshot, () => held === target && !closing);
      if (closing) return;
      if (held === target) {
        generation = buildGeneration(target.snapshot, documents.prepared);
        reportCompiled(target.snapshot, documents, reported, options.spool);
        first.reach();
        await keepLastGood(target, documents, options);
      }
      done = target;
    }
  };

  const events: StreamEvents = {
    snapshot: (signed) => take(signed, 'stream'),
    live(isLive) {
      if (live !== isLive) options.log[isLive ? 'info' : 'warn']({}, isLive ? 'registry.found' : 'registry.lost');
      live = isLive;
      if (!isLive && held === undefined) goOnFromFile();
    },
  };
  const goOnFromFile = () => {
    startFromFile().catch((error) => options.log.error({ err: error }, 'snapshot.unreadable'));
  };
  const startFromFile = async () => {
    const kept = await options.lastGood.read();
    if (kept === undefined || held !== undefined) return;
    for (const { id, text } of kept.documents) documents.takeText(id, text);
    take(kept.snapshot, 'file');
  };

  const state = (): RegistryState => {
    if (generation === undefined) return 'away';
    const ageMs = options.now().getTime() - generation.issuedAt.getTime();
    if (live && ageMs <= CONFIRMED_MS) return 'live';
    return ageMs <= MAX_SNAPSHOT_AGE_MS ? 'stale' : 'away';
  };
  const following = recallSeen(options).then((seen) => {
    floor = seen;
    const newest = (signed: SignedSnapshot) => void take(signed, 'stream');
    return followControl({ ...options, events, held: () => held?.snapshot.generation, take: newest });
  });
  return {
    current: () => (state() === 'away' ? undefined : generation),
    state,
    isCompleting: () => completing !== undefined,
    ready: () => first.reached,
    async close() {
      closing = true;
      await (await following).close();
      await completing;
    },
  };
}

/** The newest snapshot that was kept, when its signature is good; also one that is too old to be gone on from. */
async function recallSeen(options: RegistryOptions): Promise<ControlSnapshot | undefined> {
  const kept = await options.lastGood.read();
  if (kept === undefined) return undefined;
  const verdict = judgeSnapshot(kept.snapshot, { ...options, seen: undefined });
  return verdict.kind === 'accepted' ? verdict.snapshot : undefined;
}

function reportCompiled(
  snapshot: ControlSnapshot,
  documents: ReadyDocuments,
  reported: Set<string>,
  spool: Pick<ReportSpool, 'compiled'>,
): void {
  for (const entry of snapshot.documents) {
    const { id, integration_id } = entry;
    const readiness = documents.prepared.get(id);
    const key = `${integration_id} ${id}`;
    if (!isWanted(entry) || readiness === undefined || reported.has(key)) continue;
    reported.add(key);
    spool.compiled(id, integration_id, readiness.ok ? null : readiness.error);
  }
}

/** A document that comes back is prepared and reported anew. */
function forgetReported(reported: Set<string>, snapshot: ControlSnapshot): void {
  const named = new Set(snapshot.documents.filter(isWanted).map(({ id, integration_id }) => `${integration_id} ${id}`));
  for (const key of reported) if (!named.has(key)) reported.delete(key);
}

async function keepLastGood(held: Held, documents: ReadyDocuments, options: RegistryOptions): Promise<void> {
  try {
    const texts = [...documents.texts].map(([id, text]) => ({ id, text }));
    await options.lastGood.write({ snapshot: held.signed, documents: texts });
  } catch (error) {
    options.log.error({ err: error }, 'snapshot.not_kept');
  }
}

const isTooOld = (snapshot: ControlSnapshot, now: Date): boolean =>
  now.getTime() - Date.parse(snapshot.issued_at) > MAX_SNAPSHOT_AGE_MS;

function milestone(): { readonly reached: Promise<void>; reach(): void } {
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  return { reached, reach: () => reach() };
}
