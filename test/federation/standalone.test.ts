import { createHash } from 'node:crypto';
import { readStandaloneConfig } from '@bridgework/kernel/config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shop } from './support/shop.ts';
import { startGraph, type TestGraph } from './support/start-graph.ts';

const TEXT = 'query Author($id: ID!) { authors(ids: [$id]) { name } }';
const RENAME = 'mutation Rename { rename(id: "p1", name: "X") { name } }';
const HASH = createHash('sha256').update(TEXT).digest('hex');
const variables = { id: 'a1' };
const WHOLE = '{"data":{"authors":[{"name":"Name a1"}]}}';

let graph: TestGraph;
let origin: string;

beforeAll(async () => {
  graph = await startGraph(shop, { 'relay-key': TEXT, rename: RENAME, broken: '{ nowhere }' });
  origin = `${graph.standalone.origin}/graphql`;
});
afterAll(() => graph?.close());

const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(origin, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe('the gateway on its own', () => {
  test('answers a document of its file in every form on the wire, in the same bytes', async () => {
    const search = (parameters: Record<string, unknown>) =>
      `?${new URLSearchParams(
        Object.entries({ ...parameters, variables }).map(([name, value]): [string, string] => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      )}`;
    const extensions = { persistedQuery: { version: 1, sha256Hash: HASH } };
    const answers = await Promise.all([
      post({ documentId: `sha256:${HASH}`, variables }),
      post({ documentId: 'relay-key', variables }),
      post({ doc_id: 'relay-key', variables }),
      post({ doc_id: HASH, variables }),
      post({ extensions, variables, operationName: 'Author' }),
      fetch(`${origin}${search({ documentId: 'relay-key' })}`),
      fetch(`${origin}${search({ extensions })}`),
      fetch(`${origin}/sha256:${HASH}${search({})}`),
      post({ query: TEXT, variables }),
    ]);
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(answers.map(() => WHOLE));
  });

  test('refuses what is unknown, does not fit, or would change something by GET', async () => {
    const codeOf = async (answer: Response) => {
      const { errors } = (await answer.json()) as { errors: { extensions: { code: string } }[] };
      return [answer.status, errors[0]?.extensions.code];
    };
    expect(await codeOf(await post({ documentId: 'unknown' }))).toEqual([404, 'PERSISTED_DOCUMENT_NOT_FOUND']);
    expect(await codeOf(await post({ documentId: 'broken' }))).toEqual([400, 'GRAPHQL_VALIDATION_FAILED']);
    expect(await codeOf(await post({ documentId: 'relay-key', variables: {} }))).toEqual([400, 'VALIDATION_FAILED']);
    expect(await codeOf(await post([{ documentId: 'relay-key' }]))).toEqual([400, 'VALIDATION_FAILED']);
    graph.calls();
    expect(await codeOf(await fetch(`${origin}?documentId=rename`))).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(graph.calls()).toEqual([]);
  });

  test('describes the graph to whoever may send text', async () => {
    const { data } = await graph.ask('{ __schema { queryType { name } } }');
    expect(data).toEqual({ __schema: { queryType: { name: 'Query' } } });
  });

  test('fetches once what is asked for many times at the same moment, and not across a write', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    graph.intercept = async (_name, _asked, answer) => {
      await held;
      return answer;
    };
    graph.calls();
    const bodies = Promise.all(
      Array.from({ length: 12 }, async () => (await post({ documentId: 'relay-key', variables })).text()),
    );
    const other = post({ documentId: 'relay-key', variables: { id: 'a2' } });
    await new Promise((resolve) => setImmediate(resolve));
    release();
    expect(new Set(await bodies)).toEqual(new Set([WHOLE]));
    await other;
    expect(graph.calls().length).toBeLessThan(13);
    graph.intercept = undefined;
    await Promise.all([1, 2, 3].map(() => post({ documentId: 'rename' })));
    expect(graph.calls().filter((one) => one.includes('mutation'))).toHaveLength(3);
  });

  test('does not start where the product has its own gateway', () => {
    const start = (settings: Record<string, string>) => () =>
      readStandaloneConfig({ SUPERGRAPH: 'supergraph.graphql', ...settings });
    expect(start({})).not.toThrow();
    expect(start({ CLINIC_ENV: 'production' })).toThrow('CLINIC_ENV must not be production');
    expect(start({ CALLER_SIGNING_KEY: 'k:AAAA' })).toThrow('CALLER_SIGNING_KEY must not be set');
  });

  test('says which subgraph lacks a URL', async () => {
    const { startStandalone } = await import('@bridgework/gateway/standalone');
    const { createLogger } = await import('@bridgework/kernel/logger');
    const sdl = graph.supergraphSdl.replace(/url: "http:\/\/127[^"]+"/, 'url: ""');
    const log = createLogger('test', { level: 'silent' });
    await expect(startStandalone({ sdl, operations: {}, adHoc: false, port: 0, log })).rejects.toThrow(
      'The supergraph gives no URL for catalog',
    );
  });
});
