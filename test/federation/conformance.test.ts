import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { shop } from './support/shop.ts';
import { startGraph, type TestGraph } from './support/start-graph.ts';

let graph: TestGraph;

beforeAll(async () => {
  graph = await startGraph(shop);
});
afterEach(() => {
  graph.intercept = undefined;
});
afterAll(() => graph?.close());

const listIn = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const review = (product: string, stars: number) => ({ id: `r-${product}-${stars}`, mood: stars > 3 ? 'GLAD' : 'SAD' });

/** What it shows, the document, the data. */
const RIGHT: readonly [string, string, Record<string, unknown>][] = [
  ['a shared root field', '{ version }', { version: '1' }],
  [
    'an interface over two types, an interface object, required fields and arguments',
    '{ products { id ... on Book { pages shippingCost insurance price(currency: "JOD") } rating reviews { id mood } } }',
    {
      products: [
        ...[{ id: 'p1', pages: 120, shippingCost: 12, insurance: 8, price: 80, rating: 4.5 }],
        ...[{ id: 'p2', rating: null }],
        ...[{ id: 'p3', pages: 80, shippingCost: null, insurance: 6, price: 60, rating: 4.5 }],
      ].map((one) => ({ ...one, reviews: [review(one.id, 5), review(one.id, 3)] })),
    },
  ],
  [
    'a union with a hole, overridden and entity fields of each member',
    `{ search(text: "x") { __typename ... on Book { name insurance author { name country friends { id } } }
       ... on Author { bio } ... on Lamp { watts fragile } } }`,
    {
      search: [
        {
          __typename: 'Book',
          name: 'Teeth',
          insurance: 8,
          author: { name: 'Name a1', country: 'JO', friends: [{ id: 'a2' }, { id: 'a3' }] },
        },
        { __typename: 'Author', bio: 'writes about teeth' },
        null,
        { __typename: 'Lamp', watts: 40, fragile: true },
      ],
    },
  ],
  [
    'lists of lists with holes, compound and nested keys',
    '{ grid { id parcels { label where } } }',
    {
      grid: [
        [
          {
            id: 'p1',
            parcels: [
              { label: 'B-1/1', where: 'hall B-1 1' },
              { label: 'B-1/2', where: 'hall B-1 2' },
            ],
          },
          null,
        ],
        [],
        [
          {
            id: 'p3',
            parcels: [
              { label: 'B-2/1', where: 'hall B-2 1' },
              { label: 'B-2/2', where: 'hall B-2 2' },
            ],
          },
        ],
      ],
    },
  ],
  [
    'one key here and another there on the same type',
    '{ delayed { number where book { name sku pages insurance } } }',
    {
      delayed: [{ number: 2, where: 'hall B-2 2', book: { name: 'Gums', sku: 'B-2', pages: 80, insurance: 6 } }],
    },
  ],
  [
    'inputs and enums of which each subgraph knows a part; the type behind an interface object',
    '{ latest(filter: { stars: 4, mood: GLAD }) { id product { __typename id name ... on Lamp { watts } } by { name } } }',
    {
      latest: [
        { id: 'r-p1-4', product: { __typename: 'Book', id: 'p1', name: 'Teeth' }, by: { name: 'Name a1' } },
        { id: 'r-p2-4', product: { __typename: 'Lamp', id: 'p2', name: 'Lamp', watts: 40 }, by: { name: 'Name a1' } },
      ],
    },
  ],
  [
    'a provided field, from where it is provided',
    '{ heaviest { weight sku } }',
    { heaviest: { weight: 2, sku: 'B-1' } },
  ],
  [
    'entities of which some are not found',
    '{ authors(ids: ["a1", "nobody", "a2"]) { id country bio(length: 3) reviews { product { name } } } }',
    {
      authors: [
        { id: 'a1', country: 'JO', bio: 'wri', reviews: [{ product: { name: 'Teeth' } }] },
        null,
        { id: 'a2', country: 'JO', bio: 'wri', reviews: [{ product: { name: 'Teeth' } }] },
      ],
    },
  ],
  [
    'type names, under aliases too',
    '{ __typename products(kind: LAMP) { __typename kind: __typename ... on Product { constructor: id } } }',
    { __typename: 'Query', products: [{ __typename: 'Lamp', kind: 'Lamp', constructor: 'p2' }] },
  ],
  [
    'the name of an entity whose fields come from an interface object',
    '{ delayed { book { __typename rating reviews(first: 1) { stars } } } }',
    { delayed: [{ book: { __typename: 'Book', rating: 4.5, reviews: [{ stars: 5 }] } }] },
  ],
  [
    'a required argument beside the same field with another',
    '{ product(id: "p1") { ... on Book { insurance price(currency: "EUR") dear: price(currency: "SAR") plain: price } } }',
    { product: { insurance: 8, price: 80, dear: 80, plain: 20 } },
  ],
  [
    'an object asked for twice, what its type adds where it first stands',
    `{ products(kind: BOOK, first: 1) { id ... on Book { weight } }
       products(kind: BOOK, first: 1) { name ... on Book { id pages } } }`,
    { products: [{ id: 'p1', weight: 2, name: 'Teeth', pages: 120 }] },
  ],
  [
    'fragments that meet in one field',
    `query { me { ...A ... { name } ...B } } fragment A on Author { reviews { stars } id }
     fragment B on Author { reviews { product { id } } name }`,
    { me: { reviews: [{ stars: 5, product: { id: 'p1' } }], id: 'a1', name: 'Name a1' } },
  ],
];

describe('answers rightly, byte for byte in the order of the document:', () => {
  test.each(RIGHT)('%s', async (_title, text, data) => {
    const answer = await graph.ask(text);
    expect(answer.errors).toBeUndefined();
    expect(JSON.stringify(answer.data)).toBe(JSON.stringify(data));
  });

  test('conditions on fields, fragments and whole fetches, by variables and their defaults', async () => {
    const text = `query ($books: Boolean!, $more: Boolean = true) {
      products(first: 1) { id ... on Book @include(if: $books) { pages shippingCost @skip(if: $more) } rating @include(if: $more) }
    }`;
    const ask = async (variables: Record<string, unknown>) => {
      graph.calls();
      const { data } = await graph.ask(text, variables);
      return [listIn(data?.products)[0], graph.calls().length];
    };
    expect(await ask({ books: true })).toEqual([{ id: 'p1', pages: 120, rating: 4.5 }, 2]);
    expect(await ask({ books: true, more: false })).toEqual([{ id: 'p1', pages: 120, shippingCost: 12 }, 2]);
    expect(await ask({ books: false, more: false })).toEqual([{ id: 'p1' }, 1]);
    const { errors } = await graph.ask(text, { books: true, more: null });
    expect(errors?.[0]?.extensions?.code).toBe('VALIDATION_FAILED');
  });

  test('a value that callers may not know is null to them, and no error tells of it', async () => {
    expect(await graph.ask('{ product(id: "p2") { name state } }')).toEqual({
      data: { product: { name: 'Lamp', state: null } },
    });
  });

  test('two fields that require one field with different arguments both get theirs', async () => {
    const other = await startGraph({
      a: {
        typeDefs:
          'type Query { p: P } type P @key(fields: "id") { id: ID! price(in: String): Int } type Mutation { make: P }',
        resolvers: {
          Query: { p: () => ({ id: '1' }) },
          P: {
            __resolveReference: (one: object) => one,
            price: (_: unknown, given: { in: string }) => given.in.length,
          },
        },
      },
      b: {
        typeDefs: `type P @key(fields: "id") { id: ID! price(in: String): Int @external
          x: Int @requires(fields: "price(in: \\"X\\")") y: Int @requires(fields: "price(in: \\"YYY\\")") }`,
        resolvers: {
          P: {
            __resolveReference: (one: object) => one,
            x: ({ price }: { price: number }) => price,
            y: ({ price }: { price: number }) => price,
          },
        },
      },
    });
    try {
      const text = '{ p { x y price(in: "ZZ") } }';
      expect(await other.ask(text)).toEqual({ data: { p: { x: 1, y: 3, price: 2 } } });
      // Two plans would make it twice.
      const { errors } = await other.ask('mutation { make { x y } }');
      expect(errors?.[0]?.message).toContain('require the same field with different arguments');
    } finally {
      await other.close();
    }
  });
});

describe('mutations', () => {
  test('run one after the other, each once, also when one of them fails', async () => {
    graph.calls();
    const { data, errors } = await graph.ask(`mutation {
      a: rename(id: "p1", name: "New") { name ... on Book { shippingCost } } s: ship(sku: "B-1") { where book { name } }
      b: rename(id: "p2", name: "") { name } t: touch
    }`);
    expect(data).toEqual({
      a: { name: 'New', shippingCost: 12 },
      s: { where: 'hall B-1 1', book: { name: 'Teeth' } },
      b: null,
      t: 1,
    });
    expect(errors).toMatchObject([{ message: 'A name is needed.', path: ['b'], extensions: { code: 'NO_NAME' } }]);
    expect(graph.calls().filter((one) => one.includes('mutation'))).toHaveLength(3);
  });

  test('are not sent again when the answer is not as promised', async () => {
    graph.intercept = (name, _asked, answer) =>
      name === 'catalog' ? { ...answer, data: { touch: 'no number' } } : answer;
    graph.calls();
    const { data, errors } = await graph.ask('mutation { touch }');
    expect([data, errors?.[0]?.path]).toEqual([null, ['touch']]);
    expect(graph.calls()).toHaveLength(1);
  });
});

describe('a null where none may be', () => {
  const FRAGILE = '{ version fragile { sure maybe many deep { value } list { value } } }';
  const whole = { sure: 'x', maybe: 'y', many: ['a', 'b'], deep: { value: 1 }, list: [{ value: 2 }, { value: 3 }] };
  /** What goes wrong, what the subgraph says instead, what is left of `fragile`, and where the error is. */
  const HOLES: readonly [string, Record<string, unknown>, unknown, (string | number)[]][] = [
    ['takes its object with it', { sure: null }, null, ['fragile', 'sure']],
    ['stays where null is allowed', { many: ['a', null] }, { ...whole, many: null }, ['fragile', 'many', 1]],
    ['passes through what may not be null either', { deep: { value: null } }, null, ['fragile', 'deep', 'value']],
    [
      'takes its list with it',
      { list: [{ value: 2 }, { value: null }] },
      { ...whole, list: null },
      [...['fragile', 'list'], 1, 'value'],
    ],
    ['comes of a value of another type', { maybe: 5 }, { ...whole, maybe: null }, ['fragile', 'maybe']],
    ['comes of a number that is no integer', { deep: { value: 1.5 } }, null, ['fragile', 'deep', 'value']],
    ['comes of an object where a list belongs', { many: {} }, { ...whole, many: null }, ['fragile', 'many']],
    ['comes of a text where an object belongs', { deep: 'x' }, null, ['fragile', 'deep']],
  ];
  test.each(HOLES)('%s, and is an error of the answer', async (_title, change, fragile, path) => {
    graph.intercept = (_name, _asked, answer) =>
      answer.data?.fragile
        ? { data: { ...answer.data, fragile: { ...(answer.data.fragile as object), ...change } } }
        : answer;
    const answer = await graph.ask(FRAGILE);
    expect(answer.data).toEqual({ version: '1', fragile });
    expect(answer.errors?.map((one) => one.path)).toEqual([path]);
    expect(answer).not.toHaveProperty('extensions');
  });
});

describe('a subgraph that fails', () => {
  test('leaves what the others gave, and one error that explains the holes', async () => {
    graph.intercept = (name) => (name === 'shipping' ? 'hang up' : undefined);
    const { data, errors } = await graph.ask('{ products(kind: BOOK) { id ... on Book { insurance shippingCost } } }');
    expect(data).toBeNull();
    expect(errors).toHaveLength(1);
    graph.intercept = (name) => (name === 'people' ? 'not JSON' : undefined);
    const other = await graph.ask('{ search(text: "") { ... on Author { bio } ... on Book { name } } }');
    expect(other.data).toEqual({ search: [{ name: 'Teeth' }, { bio: null }, null, {}] });
    expect(other.errors).toHaveLength(1);
  });

  test('for one entity is reported at that entity, wherever it stands in the answer', async () => {
    graph.intercept = (name, { variables }, answer) => {
      const asked = variables.representations as { sku?: string }[] | undefined;
      if (name !== 'shipping' || asked === undefined) return answer;
      const index = asked.findIndex(({ sku }) => sku === 'B-2');
      return {
        data: { _entities: listIn(answer.data?._entities).map((one, at) => (at === index ? null : one)) },
        errors: [{ message: 'lost', path: ['_entities', index, 'insurance'] }],
      };
    };
    const { data, errors } = await graph.ask('{ grid { id insurance } products { id ... on Book { insurance } } }');
    expect(data).toBeNull();
    expect(errors?.map(({ path, message }) => [message, ...(path ?? [])]).toSorted()).toEqual([
      ['lost', 'grid', 2, 0, 'insurance'],
      ['lost', 'products', 2, 'insurance'],
    ]);
  });
});
