import { eventually } from '../../support/eventually.ts';
import type { Answer } from '../../support/partner.ts';
import type { Corpus, CorpusAnswer, CorpusRequest } from './corpus.ts';

export type Send = (as: CorpusRequest['as'], method: string, path: string, init: RequestInit) => Promise<Answer>;

export const VOLATILE = '<volatile>';

/** Sends requests in their order; answers each as the corpus keeps it. */
export function createPlayer({ volatileHeaders, volatileMembers }: Corpus, send: Send) {
  const earlier = new Map<string, Answer>();
  return async (request: CorpusRequest): Promise<CorpusAnswer> => {
    const answer = await sendUntilSettled(filled(request, earlier), send);
    earlier.set(request.name, answer);
    const members = [...volatileMembers, ...(request.volatile ?? [])];
    return {
      status: answer.status,
      headers: keptHeaders(answer.headers, [...volatileHeaders, ...(request.volatile === undefined ? [] : ['etag'])]),
      body: withoutVolatile(answer.text, members),
    };
  };
}

async function sendUntilSettled(request: CorpusRequest, send: Send): Promise<Answer> {
  const { as, method, path, headers = {}, body, text, awaits } = request;
  const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const init: RequestInit = {
    headers: { ...(sent === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(sent === undefined ? {} : { body: sent }),
  };
  const ask = () => send(as, method, `/api/v1${path}`, init);
  if (awaits === undefined) return ask();
  return eventually(
    async () => {
      const answer = await ask();
      const found = at(answer.body, awaits.pointer);
      return found !== undefined && (awaits.value === undefined || found === awaits.value) ? answer : undefined;
    },
    { what: `${request.name}: ${awaits.pointer}`, withinMs: 10_000 },
  );
}

/** Its placeholders filled in. */
function filled(request: CorpusRequest, earlier: ReadonlyMap<string, Answer>): CorpusRequest {
  const text = JSON.stringify(request).replaceAll(/\{\{([^}]+)\}\}/g, (_, place: string) => {
    const minutes = /^minutes([+-]\d+)$/.exec(place)?.[1];
    if (minutes !== undefined) return new Date(Date.now() + Number(minutes) * 60_000).toISOString();
    const [, name = '', kind, part = ''] = /^([^:#]+)([:#])(.+)$/.exec(place) ?? [];
    const answer = earlier.get(name);
    const value = kind === '#' ? answer?.headers.get(part) : at(answer?.body, part);
    if (value === undefined || value === null) throw new Error(`${request.name}: nothing at {{${place}}}`);
    return JSON.stringify(String(value)).slice(1, -1);
  });
  return JSON.parse(text);
}

const at = (body: unknown, pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((place, step) => (place as Record<string, unknown> | null | undefined)?.[step], body);

/** Of the connection and not of the contract. */
const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'content-length', 'transfer-encoding', 'date']);

function keptHeaders(headers: Headers, volatile: readonly string[]): Record<string, string> {
  const kept = [...headers].filter(([name]) => !OF_THE_CONNECTION.has(name));
  return Object.fromEntries(
    kept.map(([name, value]) => [name, volatile.includes(name) ? VOLATILE : withoutNewIds(value)]).toSorted(),
  );
}

/** Ids that were made in this run, and cursors, which are sealed for one integration. */
const withoutNewIds = (text: string): string =>
  text
    .replaceAll(/\b([a-z]{3})_(?!0{20})[0-9a-hjkmnp-tv-z]{26}\b/g, `$1_${VOLATILE}`)
    .replaceAll(/cursor=[\w-]+/g, `cursor=${VOLATILE}`);

/** The same bytes, but for the strings and numbers of these members. */
function withoutVolatile(text: string, members: readonly string[]): string {
  const value = new RegExp(`("(?:${members.join('|')})":)(?:"(?:[^"\\\\]|\\\\.)*"|-?[0-9]+)`, 'g');
  return text.replaceAll(value, `$1"${VOLATILE}"`);
}
