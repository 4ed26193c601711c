import { expect, test } from 'vitest';
import type { Outcome } from '../../gateway/src/graph/compile-document.ts';
import type { ExecutableDocument, RequestScope } from '../../gateway/src/graph/execute.ts';
import { shareFlights } from '../../gateway/src/graph/single-flight.ts';
import { TextBody } from '../../gateway/src/graph/text-body.ts';

const document = (id: string, changes: Partial<ExecutableDocument> = {}): ExecutableDocument => ({
  id,
  text: '',
  document: { kind: 'Document', definitions: [] } as unknown as ExecutableDocument['document'],
  operationName: '',
  operation: 'query',
  requirement: { scopes: [[]], manager: false, introspects: false, personalData: false },
  audited: false,
  ...changes,
});

const caller = (integration: string, scopes: readonly string[]) =>
  ({ kind: 'integration', integrationId: integration, tokenId: 'tok_1', scopes, environment: 'sandbox' }) as never;

const scope = (changes: Partial<RequestScope> = {}): RequestScope => ({
  requestId: 'req_1',
  caller: caller('int_1', ['read:visits']),
  generation: 1,
  deadline: performance.now() + 60_000,
  ...changes,
});

/** Counts runs; each ends when it is told to. */
function countingRun() {
  const ends: (() => void)[] = [];
  const run = () =>
    new Promise<Outcome>((resolve) => ends.push(() => resolve({ body: TextBody.ofText(String(ends.length)) })));
  return { shared: shareFlights(run), ends };
}

test('one fetch serves those alone who may see the same', async () => {
  const { shared, ends } = countingRun();
  const query = document('a');
  const same = scope();
  const others: [ExecutableDocument, Record<string, unknown>, RequestScope][] = [
    [document('b'), { first: 1 }, same],
    [query, { first: 2 }, same],
    [query, { first: 1 }, scope({ caller: caller('int_2', ['read:visits']) })],
    [query, { first: 1 }, scope({ caller: caller('int_1', ['read:visits', 'read:patients']) })],
    [query, { first: 1 }, scope({ generation: 2 })],
    [query, { first: 1 }, scope({ acceptLanguage: 'ar' })],
  ];
  const all = [shared(query, { first: 1 }, same), shared(query, { first: 1 }, scope())];
  expect(ends).toHaveLength(1);
  for (const one of others) all.push(shared(...one));
  expect(ends).toHaveLength(1 + others.length);
  for (const end of ends) end();
  await Promise.all(all);
});

test('audited documents and mutations are run for each request', () => {
  const { shared, ends } = countingRun();
  for (const one of [document('a', { audited: true }), document('m', { operation: 'mutation' })]) {
    shared(one, {}, scope()).catch(() => undefined);
    shared(one, {}, scope()).catch(() => undefined);
  }
  expect(ends).toHaveLength(4);
});

test('a request that comes after a write was answered does not join a fetch from before it', async () => {
  const { shared, ends } = countingRun();
  const before = shared(document('a'), {}, scope());
  const write = shared(document('m', { operation: 'mutation' }), {}, scope());
  ends[1]?.();
  await write;
  const after = shared(document('a'), {}, scope());
  expect(ends).toHaveLength(3);
  for (const end of ends) end();
  await Promise.all([before, after]);
});

test('a request whose leader ran out of time runs by itself', async () => {
  const { shared, ends } = countingRun();
  const first = shared(document('a'), {}, scope({ deadline: performance.now() }));
  const second = shared(document('a'), {}, scope());
  ends[0]?.();
  await first;
  await Promise.resolve();
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await second;
});
