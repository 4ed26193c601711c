import fc from 'fast-check';
import { buildSchema, OperationTypeNode, parse } from 'graphql';
import { expect, test } from 'vitest';
import { NO_TRUTHS } from '../../gateway/src/graph/conditions.ts';
import { compilePassThrough } from '../../gateway/src/graph/plan/pass-through.ts';
import { shapeOfOperation } from '../../gateway/src/graph/shape/collect.ts';
import { compilePrinter } from '../../gateway/src/graph/shape/compile-printer.ts';
import { compileScanner } from '../../gateway/src/graph/shape/compile-scanner.ts';

const schema = buildSchema(`
  type Query { items(first: Int): [Item!]! found: [[Thing!]] one: Item }
  interface Thing { id: ID! }
  type Item implements Thing { id: ID! name: String count: Int! price: Float state: State! open: Boolean! at: Any tags: [String!] inner: Item }
  type Room implements Thing { id: ID! size: Int }
  enum State { OPEN OPENED CLOSED }
  scalar Any
`);
const document = parse(`{
  items { id name count price state open at tags inner { state __typename } }
  found { __typename ... on Item { count } ... on Room { size id } }
  one { id }
}`);
const shape = shapeOfOperation(schema, document, NO_TRUTHS);
const scan = compileScanner(shape);
const print = compilePrinter(shape);

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('سارة م.', 'a"b', 'c\\d', '\u2028'),
);
const item = fc.record({
  id: text,
  name: fc.option(text),
  count: fc.integer(),
  price: fc.option(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer())),
  state: fc.constantFrom('OPEN', 'OPENED', 'CLOSED'),
  open: fc.boolean(),
  at: fc.option(fc.oneof(text, fc.integer(), fc.boolean(), fc.record({ a: fc.integer() }))),
  tags: fc.option(fc.array(text, { maxLength: 3 })),
  inner: fc.option(fc.record({ state: fc.constantFrom('OPEN', 'CLOSED'), __typename: fc.constant('Item') })),
});
const thing = fc.oneof(
  fc.record({ __typename: fc.constant('Item'), count: fc.integer() }),
  fc.record({ __typename: fc.constant('Room'), size: fc.option(fc.integer()), id: text }),
);
const data = fc.record({
  items: fc.array(item, { maxLength: 3 }),
  found: fc.option(fc.array(fc.option(fc.array(thing, { maxLength: 2 })), { maxLength: 2 })),
  one: fc.option(fc.record({ id: text })),
});

/** What the caller would get if the answer were read and printed; undefined when it is not as promised. */
function printed(answer: string): string | undefined {
  try {
    const json = print?.((JSON.parse(answer) as { data: unknown }).data);
    return json === undefined ? undefined : `{"data":${json}}`;
  } catch {
    return undefined;
  }
}

const passes = (answer: string): boolean => scan?.(Buffer.from(answer)) === true;

test('what passes through is, byte for byte, what reading and printing it would give', () => {
  let passed = 0;
  const pieces = [
    '"',
    ',',
    '{',
    '}',
    '[',
    ']',
    ':',
    '0',
    '-',
    '.',
    'e1',
    ' ',
    '\\',
    'null',
    '"id":"x",',
    '\u0000',
    'true',
  ];
  const change = fc.record({
    at: fc.nat(),
    removed: fc.integer({ min: 0, max: 4 }),
    put: fc.constantFrom('', ...pieces),
  });
  fc.assert(
    fc.property(data, fc.array(change, { maxLength: 2 }), (value, changes) => {
      let answer = JSON.stringify({ data: value });
      for (const { at, removed, put } of changes) {
        const where = at % answer.length;
        answer = answer.slice(0, where) + put + answer.slice(where + removed);
      }
      // A letter of two halves may have been cut.
      answer = Buffer.from(answer).toString();
      if (!passes(answer)) return;
      passed += 1;
      expect(printed(answer)).toBe(answer);
    }),
    { numRuns: 5000 },
  );
  expect(passed).toBeGreaterThan(100);
});

test('an answer without escapes and exponents passes through', () => {
  const plain = fc.record({
    items: fc.array(
      fc.record({
        id: fc.stringMatching(/^[\wسا]{1,9}$/),
        name: fc.constant(null),
        count: fc.integer(),
        price: fc.integer().map((cents) => cents / 100),
        state: fc.constantFrom('OPEN', 'OPENED', 'CLOSED'),
        open: fc.boolean(),
        at: fc.constant('2026-03-01T08:30:00.000Z'),
        tags: fc.constant([]),
        inner: fc.constant(null),
      }),
    ),
    found: fc.array(
      fc.array(fc.constantFrom({ __typename: 'Room', size: 3, id: 'r' }, { __typename: 'Item', count: -1 })),
    ),
    one: fc.constantFrom(null, { id: '1' }),
  });
  fc.assert(
    fc.property(plain, (value) => {
      expect(passes(JSON.stringify({ data: value }))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['a key that nobody asked for', '{"data":{"items":[],"found":null,"one":{"id":"1","secret":"2"}}}'],
  ['a key given twice', '{"data":{"items":[],"found":null,"one":{"id":"secret","id":"1"}}}'],
  ['keys in another order', '{"data":{"found":null,"items":[],"one":null}}'],
  ['errors beside the data', '{"data":{"items":[],"found":null,"one":null},"errors":[{"message":"secret"}]}'],
  ['extensions', '{"data":{"items":[],"found":null,"one":null},"extensions":{}}'],
  ['a second document behind the first', '{"data":{"items":[],"found":null,"one":null}}{}'],
  ['a null that may not be', '{"data":{"items":null,"found":null,"one":null}}'],
  ['a value of another type', '{"data":{"items":[],"found":null,"one":{"id":1}}}'],
  ['a type that cannot stand here', '{"data":{"items":[],"found":[[{"__typename":"Query","count":1}]],"one":null}}'],
])('%s does not pass through', (_what, answer) => {
  expect(passes(answer)).toBe(false);
});

test('bytes that are no text do not pass through', () => {
  const plan = (operation: string): Parameters<typeof compilePassThrough>[2] => [
    {
      kind: 'QueryPlan',
      node: {
        kind: 'Fetch',
        serviceName: 'items',
        operation,
        operationKind: OperationTypeNode.QUERY,
        operationName: undefined,
      },
    },
  ];
  const operation = '{ one { id } }';
  const shape = shapeOfOperation(schema, parse(operation), NO_TRUTHS);
  const passesThrough = compilePassThrough(schema, shape, plan(operation));
  const answer = Buffer.from('{"data":{"one":{"id":"ab"}}}');
  expect(passesThrough?.(answer)).toBe(true);
  answer[answer.indexOf('ab')] = 0xff;
  expect(passesThrough?.(answer)).toBe(false);
  // A fetch of more than was asked for is never passed on, whatever it answers.
  expect(compilePassThrough(schema, shape, plan('{ one { id name } }'))).toBeUndefined();
  expect(compilePassThrough(schema, shape, plan('{ one { name id } }'))).toBeUndefined();
});
