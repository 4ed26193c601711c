import {
  costOf,
  DOCUMENT_LIMITS,
  findExcess,
  measureDocument,
  measureRequests,
  readCostModel,
} from '@bridgework/schema';
import { expect, test } from 'vitest';
import { readDocument, schema, supergraph } from './documents.ts';

const model = readCostModel(supergraph);
const cost = (text: string, variables = {}) => costOf(schema, model, readDocument(text), variables);

test('measures depth, aliases and root fields through fragments', () => {
  const document = readDocument(`
    query { a: appointment(id: "1") { ...Who } b: me { name } ...Root }
    fragment Who on Appointment { patient { n: displayName } }
    fragment Root on Query { me { kind } }
  `);
  expect(measureDocument(document)).toEqual({ depth: 3, aliases: 3, rootFields: 3 });
});

test('counts a page by the size that is asked for', () => {
  const page = 'query ($first: Int!) { appointments(first: $first) { edges { node { id } } } }';
  expect(cost(page, { first: 10 })).toBe(1 + 10);
  expect(cost(page, { first: 100 })).toBe(1 + 100);
  expect(cost('{ appointments(first: 7) { edges { node { id } } } }')).toBe(1 + 7);
  expect(cost('query ($n: Int! = 3) { appointments(first: $n) { edges { node { id } } } }')).toBe(1 + 3);
});

test('takes an unknown page for the largest', () => {
  expect(cost('query ($n: Int!) { appointments(first: $n) { edges { node { id } } } }')).toBe(1 + 100);
});

test('multiplies lists inside lists, through fragments as well', () => {
  const nested = `
    { appointments(first: 10) { ...Page } }
    fragment Page on AppointmentConnection { edges { node { visit { materialsUsed { item { sku } } } } } }
  `;
  // Edges and materials are parts of a row; appointment, visit and three items are looked up.
  expect(cost(nested)).toBe(1 + 10 * (1 + 1 + 3));
});

test('leaves room for a full page of the day sheet and refuses ten times as much', () => {
  const daySheet = `query ($first: Int!) { appointments(first: $first) { edges { node {
    startsAt provider { name } patient { displayName balances { amountMinor currency } }
    visit { status invoice { reference balance { amountMinor } } materialsUsed { quantity item { sku } } }
    importedBy { name } } } } }`;
  expect(findExcess({ cost: cost(daySheet, { first: 100 }) }, DOCUMENT_LIMITS)).toEqual([]);
  expect(findExcess({ cost: cost(daySheet, { first: 1_000 }) }, DOCUMENT_LIMITS)).toHaveLength(1);
});

test('names each measure that is exceeded', () => {
  expect(findExcess({ depth: 11, aliases: 31, rootFields: 11, cost: 1001 }, DOCUMENT_LIMITS)).toHaveLength(4);
  expect(findExcess({ depth: 10, aliases: 30, rootFields: 10, cost: 1000 }, DOCUMENT_LIMITS)).toEqual([]);
});

test('measures fragments that spread fragments in no time', () => {
  const fragments = Array.from({ length: 40 }, (_, level) => {
    const below = level === 39 ? 'id' : `...F${level + 1} ...F${level + 1}`;
    return `fragment F${level} on Appointment { ${below} }`;
  });
  const text = `{ appointment(id: "a") { ...F0 } } ${fragments.join(' ')}`;
  expect(measureDocument(readDocument(text)).depth).toBe(2);
  expect(cost(text)).toBe(1);
});

test('a cost that is remembered is the cost that would be counted', () => {
  const documents = [
    'query ($first: Int!, $inner: Int! = 4) { appointments(first: $first) { edges { node { id } } } visits(first: $inner) { edges { node { id } } } }',
    'query ($first: Int!) { appointments(first: $first) { ...Page } } fragment Page on AppointmentConnection { edges { node { visit { materialsUsed { item { sku } } } } } }',
    '{ me { name } }',
  ].map(readDocument);
  const sizes = [undefined, null, 0, 1, 7, 100, -1, 1.5, 'many', true];
  for (const document of documents) {
    const measures = measureRequests(schema, model, document);
    // Twice: the second time from memory.
    for (const first of [...sizes, ...sizes]) {
      for (const inner of sizes) {
        const variables = { ...(first === undefined ? {} : { first }), ...(inner === undefined ? {} : { inner }) };
        expect(measures.cost(variables)).toBe(costOf(schema, model, document, variables));
      }
    }
  }
});
