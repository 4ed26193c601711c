import { readFileSync, writeFileSync } from 'node:fs';

/** A request as a partner sends it. `{{minutes-1}}` is an instant, `{{name:/a/b}}` a part of an earlier answer's body, `{{name#etag}}` its header. */
export interface CorpusRequest {
  /** Names the pair; what it shows. */
  readonly name: string;
  /** Who asks: `able` holds every scope, `reader` one, `nobody` has no token. */
  readonly as: 'able' | 'reader' | 'nobody';
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Instead of `body`: sent as it is. */
  readonly text?: string;
  /** Asked again until this part of the body is there, or is this: what is settled a moment later. */
  readonly awaits?: { readonly pointer: string; readonly value?: string };
  /** Members that differ from run to run, beyond those that always do. */
  readonly volatile?: readonly string[];
}

export interface CorpusAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Corpus {
  /** Headers whose value differs from run to run; that they are there is compared. */
  readonly volatileHeaders: readonly string[];
  /** Members of JSON bodies of which the same is true. */
  readonly volatileMembers: readonly string[];
  readonly exchanges: readonly (CorpusRequest & { readonly answer?: CorpusAnswer })[];
}

const FILE = new URL('../frozen/rest-v1.json', import.meta.url);

export const readCorpus = (): Corpus => JSON.parse(readFileSync(FILE, 'utf8'));

export const writeCorpus = (corpus: Corpus): void => writeFileSync(FILE, `${JSON.stringify(corpus, null, 2)}\n`);
