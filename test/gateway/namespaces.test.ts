import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Partner, sha256, startGateway, type TestGateway } from './support/start-gateway.ts';

/**
 * Every integration against every document, in every form on the wire: whose it is runs it, nobody else can tell it from
 * one that does not exist.
 */
const PARTNERS = 6;
const RELAY_KEY = sha256('the same key in two namespaces').slice(0, 32);

interface Holder {
  readonly partner: Partner;
  readonly own: string;
  readonly retired: string;
  readonly alias: string;
}

let clinic: TestGateway;
let holders: Holder[];
let shared: string;

beforeAll(async () => {
  clinic = await startGateway();
  holders = Array.from({ length: PARTNERS }, (_, index) => {
    const partner = clinic.addPartner(['read:inventory']);
    const alias = `md5-of-${index}`;
    const own = clinic.addDocument(partner, `query Own${index} { me { name } }`, { aliases: [alias, RELAY_KEY] });
    const retired = clinic.addDocument(partner, `query Old${index} { me { kind } }`, { status: 'RETIRED' });
    return { partner, own, retired, alias };
  });
  // One text that the first two registered alike: each of them has it, the others have not.
  const text = 'query Both { me { name kind } }';
  for (const { partner } of holders.slice(0, 2)) shared = clinic.addDocument(partner, text);
  await clinic.settle();
});
afterAll(() => clinic?.close());

/** All ways to name a document; what is no hash cannot come as one. */
function formsOf(id: string): ((token: string) => Promise<Response>)[] {
  const hash = /^sha256:([0-9a-f]{64})$/.exec(id)?.[1];
  const path = encodeURIComponent(id);
  return [
    (token) => clinic.post({ documentId: id }, token),
    (token) => clinic.post({ doc_id: id }, token),
    (token) => clinic.get(`/graphql?documentId=${path}`, token),
    (token) => clinic.get(`/graphql/${path}`, token),
    ...(hash === undefined
      ? []
      : [
          (token: string) => clinic.post({ documentId: hash.toUpperCase() }, token),
          (token: string) => clinic.post({ extensions: { persistedQuery: { version: 1, sha256Hash: hash } } }, token),
        ]),
  ];
}

/** Everything that can be seen of an answer but its request id, the time, and how much of the quota is left. */
async function seenOf(answer: Response): Promise<string> {
  const requestId = answer.headers.get('request-id') ?? 'none';
  const blurred = { 'request-id': '', date: '', ratelimit: '' };
  const headers = { ...Object.fromEntries(answer.headers), ...blurred };
  return JSON.stringify([answer.status, headers, (await answer.text()).replaceAll(requestId, '')]);
}

test('no integration runs the document of another, or can tell it from one that does not exist', async () => {
  const unknown = `sha256:${'0'.repeat(64)}`;
  for (const [reader, { partner }] of holders.entries()) {
    const nothing = new Map(
      await Promise.all(
        formsOf(unknown).map(async (ask, form) => [form, await seenOf(await ask(partner.token))] as const),
      ),
    );
    expect(nothing.get(0)).toContain('PERSISTED_DOCUMENT_NOT_FOUND');
    const before = clinic.subgraphCalls();
    for (const [owner, { own, retired, alias }] of holders.entries()) {
      if (owner === reader) continue;
      for (const foreign of [own, retired, alias]) {
        const seen = await Promise.all(formsOf(foreign).map(async (ask) => seenOf(await ask(partner.token))));
        expect(seen).toEqual(seen.map((_, form) => nothing.get(form)));
      }
    }
    expect(clinic.subgraphCalls()).toBe(before);
  }
});

test('each integration runs its own, by id, by its own key, and by a key that others use too', async () => {
  for (const [index, { partner, own, retired, alias }] of holders.entries()) {
    const hasShared = index < 2;
    const statusesOf = (id: string) => Promise.all(formsOf(id).map(async (ask) => (await ask(partner.token)).status));
    for (const id of [own, alias, RELAY_KEY]) expect(new Set(await statusesOf(id))).toEqual(new Set([200]));
    expect(new Set(await statusesOf(retired))).toEqual(new Set([410]));
    expect(new Set(await statusesOf(shared))).toEqual(new Set([hasShared ? 200 : 404]));
  }
});
