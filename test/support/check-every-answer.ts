import { readFileSync } from 'node:fs';
import { type CheckAnswer, createAnswerCheck, type ReferenceDocument } from './check-answer.ts';

/**
 * Every answer of the REST API that any test gets by `fetch` is held against the committed reference; what is not
 * documented fails the test that met it. Set up for all test files by vitest.config.ts.
 */
const sent = globalThis.fetch;
const own = new Map<string, CheckAnswer>();
let committed: CheckAnswer | undefined;

globalThis.fetch = async (input, init) => {
  const response = await sent(input, init);
  const url = new URL(input instanceof Request ? input.url : input);
  if (!/^\/api\/v[12](\/|$)/.test(url.pathname)) return response;
  // What message providers call follows their contract, not ours: the reference is for partners.
  if (url.pathname.startsWith('/api/v1/callbacks/')) return response;
  committed ??= createAnswerCheck(['v1', 'v2'].map(readReference));
  const method = (init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase();
  const { status, headers } = response;
  const check = own.get(url.origin) ?? committed;
  const faults = check({ method, path: url.pathname, status, headers, text: await response.clone().text() });
  if (faults.length > 0) throw new Error(`${method} ${url.pathname} → ${status}: ${faults.join('; ')}`);
  return response;
};

/** A server of a test that serves other routes than the product's is held against the reference of those. */
export function checkAgainst(origin: string, documents: readonly ReferenceDocument[]): void {
  own.set(origin, createAnswerCheck(documents));
}

function readReference(major: string): ReferenceDocument {
  return JSON.parse(readFileSync(new URL(`../../schema/rest/${major}.openapi.json`, import.meta.url), 'utf8'));
}
