import { GraphQLError } from 'graphql';
import type { SubgraphParts } from './http-subgraph.ts';

/**
 * A shop in five subgraphs that uses what federation 2 has: several keys on one type, compound and nested keys, fields
 * required with and without arguments, provided, overridden and shared ones, interfaces, unions, an interface object,
 * enums and inputs of which each subgraph knows a part, nested lists, nulls, mutations and errors.
 */
const PRODUCTS = [
  { __typename: 'Book', id: 'p1', sku: 'B-1', name: 'Teeth', price: 20, weight: 2, pages: 120, size: { w: 2, h: 3 } },
  { __typename: 'Lamp', id: 'p2', sku: 'L-1', name: 'Lamp', price: 50, weight: 7, watts: 40, size: { w: 5, h: 9 } },
  { __typename: 'Book', id: 'p3', sku: 'B-2', name: 'Gums', price: 15, weight: 1, pages: 80, size: null },
];
const byId = (id: string) => PRODUCTS.find((one) => one.id === id) ?? null;
const bySku = (sku: string) => PRODUCTS.find((one) => one.sku === sku) ?? null;

const catalog: SubgraphParts = {
  typeDefs: `
    type Query {
      products(first: Int = 3, kind: Kind): [Product!]!
      product(id: ID!): Product
      search(text: String!): [Hit]
      grid: [[Book]!]!
      version: String! @shareable
      fragile: Fragile
    }
    type Mutation { rename(id: ID!, name: String!): Product  touch: Int! }
    enum Kind { BOOK LAMP }
    enum State { NEW OLD @inaccessible }
    interface Product @key(fields: "id") { id: ID! sku: String! name: String state: State price(currency: String = "USD"): Int! }
    type Book implements Product @key(fields: "id") @key(fields: "sku") {
      id: ID! sku: String! name: String state: State price(currency: String = "USD"): Int! weight: Int @shareable size: Size @shareable pages: Int
      author: Author
    }
    type Lamp implements Product @key(fields: "id") @key(fields: "sku") {
      id: ID! sku: String! name: String state: State price(currency: String = "USD"): Int! weight: Int @shareable size: Size @shareable watts: Float
    }
    type Size @shareable { w: Int! h: Int! }
    type Author @key(fields: "id") { id: ID! country: String @override(from: "people") }
    union Hit = Book | Lamp | Author
    type Fragile { sure: String! maybe: String many: [String!] deep: Deep! list: [Deep!] }
    type Deep { value: Int! }
  `,
  resolvers: {
    Query: {
      products: (_: unknown, { first, kind }: { first: number; kind?: string }) =>
        PRODUCTS.filter((one) => kind === undefined || one.__typename.toUpperCase() === kind).slice(0, first),
      product: (_: unknown, { id }: { id: string }) => byId(id),
      search: () => [byId('p1'), { __typename: 'Author', id: 'a1' }, null, byId('p2')],
      grid: () => [[byId('p1'), null], [], [byId('p3')]],
      version: () => '1',
      fragile: () => ({
        sure: 'x',
        maybe: 'y',
        many: ['a', 'b'],
        deep: { value: 1 },
        list: [{ value: 2 }, { value: 3 }],
      }),
    },
    Mutation: {
      rename: (_: unknown, { id, name }: { id: string; name: string }) => {
        if (name === '') throw new GraphQLError('A name is needed.', { extensions: { code: 'NO_NAME' } });
        const product = byId(id);
        return product && { ...product, name };
      },
      touch: () => 1,
    },
    Product: { __resolveReference: ({ id }: { id: string }) => byId(id) },
    Book: {
      __resolveReference: ({ id, sku }: { id?: string; sku?: string }) =>
        id === undefined ? bySku(sku ?? '') : byId(id),
      price: priceIn,
      state: () => 'NEW',
      author: () => ({ id: 'a1' }),
    },
    Lamp: {
      __resolveReference: ({ id, sku }: { id?: string; sku?: string }) =>
        id === undefined ? bySku(sku ?? '') : byId(id),
      price: priceIn,
      state: () => 'OLD',
    },
    Author: { __resolveReference: (one: object) => one, country: () => 'JO' },
  },
};

function priceIn({ price }: { price: number }, { currency }: { currency: string }): number {
  return currency === 'USD' ? price : price * 4;
}

const shipping: SubgraphParts = {
  typeDefs: `
    type Query { version: String! @shareable  heaviest: Book @provides(fields: "weight") }
    type Book @key(fields: "sku") {
      sku: String!
      weight: Int @external
      size: Size @external
      price(currency: String = "USD"): Int! @external
      shippingCost: Int @requires(fields: "weight size { w h }")
      insurance: Int! @requires(fields: "price(currency: \\"SAR\\")")
      parcels: [Parcel!]!
    }
    type Size @shareable { w: Int! h: Int! }
    type Lamp @key(fields: "sku") { sku: String! fragile: Boolean! }
    type Parcel @key(fields: "book { sku } number") { number: Int! book: Book! label: String }
    type Mutation { ship(sku: String!): Parcel }
  `,
  resolvers: {
    Query: { version: () => '1', heaviest: () => ({ sku: 'B-1', weight: 2 }) },
    Mutation: { ship: (_: unknown, { sku }: { sku: string }) => ({ number: 1, book: { sku }, label: `${sku}/1` }) },
    Book: {
      __resolveReference: (one: object) => one,
      shippingCost: ({ weight, size }: { weight: number | null; size: { w: number; h: number } | null }) =>
        weight === null || size === null ? null : weight * size.w * size.h,
      insurance: ({ price }: { price: number }) => price / 10,
      parcels: ({ sku }: { sku: string }) =>
        [1, 2].map((number) => ({ number, book: { sku }, label: `${sku}/${number}` })),
    },
    Lamp: { __resolveReference: (one: object) => one, fragile: () => true },
    Parcel: { __resolveReference: (one: object) => one },
  },
};

const tracking: SubgraphParts = {
  typeDefs: `
    type Query { delayed: [Parcel!]! }
    type Parcel @key(fields: "book { sku } number") { number: Int! book: Book! where: String }
    type Book @key(fields: "sku", resolvable: false) { sku: String! }
  `,
  resolvers: {
    Query: { delayed: () => [{ number: 2, book: { sku: 'B-2' } }] },
    Parcel: {
      __resolveReference: (one: object) => one,
      where: ({ book, number }: { book: { sku: string }; number: number }) => `hall ${book.sku} ${number}`,
    },
  },
};

const reviews: SubgraphParts = {
  typeDefs: `
    type Query { latest(filter: ReviewFilter): [Review!]! }
    type Product @interfaceObject @key(fields: "id") { id: ID! reviews(first: Int = 2): [Review!]! rating: Float }
    type Review @key(fields: "id") { id: ID! text: String stars: Int! product: Product! by: Author mood: Mood }
    type Author @key(fields: "id") { id: ID! reviews: [Review!]! }
    enum Mood { GLAD SAD }
    input ReviewFilter { stars: Int mood: Mood }
  `,
  resolvers: {
    Query: {
      latest: (_: unknown, { filter }: { filter?: { stars?: number } }) =>
        ['p1', 'p2'].map((id) => review(id, filter?.stars ?? 5)),
    },
    Product: {
      __resolveReference: (one: object) => one,
      reviews: ({ id }: { id: string }, { first }: { first: number }) =>
        [5, 3, 4].slice(0, first).map((stars) => review(id, stars)),
      rating: ({ id }: { id: string }) => (id === 'p2' ? null : 4.5),
    },
    Author: { __resolveReference: (one: object) => one, reviews: () => [review('p1', 5)] },
  },
};

const review = (product: string, stars: number) => ({
  id: `r-${product}-${stars}`,
  text: `"${stars}" \u2028 نجوم`,
  stars,
  product: { id: product },
  by: { id: 'a1' },
  mood: stars > 3 ? 'GLAD' : 'SAD',
});

const people: SubgraphParts = {
  typeDefs: `
    type Query { me: Author  authors(ids: [ID!]!): [Author]! }
    type Author @key(fields: "id") { id: ID! name: String @shareable country: String friends: [Author!] bio(length: Int): String }
  `,
  resolvers: {
    Query: {
      me: () => author('a1'),
      authors: (_: unknown, { ids }: { ids: string[] }) => ids.map((id) => (id === 'nobody' ? null : author(id))),
    },
    Author: {
      __resolveReference: ({ id }: { id: string }) => author(id),
      friends: () => [author('a2'), author('a3')],
      bio: (_: unknown, { length }: { length?: number }) => 'writes about teeth'.slice(0, length ?? 100),
    },
  },
};

const author = (id: string) => ({ __typename: 'Author', id, name: `Name ${id}`, country: 'XX' });

export const shop: Readonly<Record<string, SubgraphParts>> = { catalog, shipping, tracking, reviews, people };
