import type { Caller, Context } from '@bridgework/kernel/context';
import { guardSchema } from '@bridgework/kernel/scope-rules';
import {
  extractRequirements,
  isAllowed,
  type RequirementMap,
  requirementOf,
  SCOPE_NAMES,
  type Scope,
} from '@bridgework/schema';
import fc from 'fast-check';
import {
  buildASTSchema,
  type DocumentNode,
  execute,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import * as real from './documents.ts';

/** Abstract types, which the product's own graph does not have yet, with implementations that ask for different things. */
const SDL = `
  type Query {
    me: Person @public
    search(text: String): [Found!]! @requiresScopes(scopes: [["read:appointments"]])
    node(id: ID!): Node @public
    people: [Person!] @requiresScopes(scopes: [["read:patients"], ["read:reports"]])
  }
  interface Node { id: ID! label: String }
  interface Owned { owner: Person }
  union Found = Person | Bill | Item
  type Person implements Node @public { id: ID! label: String bills: [Bill!] friend: Node found: Found }
  type Bill implements Node & Owned {
    id: ID! @public
    label: String @requiresScopes(scopes: [["read:invoices"]])
    total: Int @requiresScopes(scopes: [["read:invoices", "read:financials"], ["read:reports"]])
    owner: Person @requiresScopes(scopes: [["read:patients"]])
  }
  type Item implements Node & Owned @requiresScopes(scopes: [["read:inventory"]]) {
    id: ID! label: String owner: Person next: Node cost: Int @requiresScopes(scopes: [["read:financials"]])
  }
`;
const DIRECTIVES = `
  directive @requiresScopes(scopes: [[String!]!]!) on OBJECT | FIELD_DEFINITION
  directive @public on OBJECT | FIELD_DEFINITION
`;
const sdl = parse(DIRECTIVES + SDL);
const abstract = { schema: buildASTSchema(sdl), requirements: extractRequirements(sdl).requirements };
const product = { schema: real.schema, requirements: real.requirements };
type World = { readonly schema: GraphQLSchema; readonly requirements: RequirementMap };

/** Every second fragment is named, every third field renamed, every branch may be switched off by a variable of its own. */
interface Draft {
  readonly selection: string;
  readonly fragments: readonly string[];
  readonly variables: readonly string[];
}

function fieldsOf(type: GraphQLCompositeType): readonly GraphQLField<unknown, unknown>[] {
  return isUnionType(type) ? [] : Object.values(type.getFields());
}

let serial = 0;
function draft(schema: GraphQLSchema, type: GraphQLCompositeType, depth: number): fc.Arbitrary<Draft> {
  const fields = fieldsOf(type).filter(
    (field) => real.argumentsOf(field) !== undefined && (depth > 0 || isLeafType(getNamedType(field.type))),
  );
  const narrower = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  const parts: fc.Arbitrary<Draft>[] = [];
  if (fields.length > 0) {
    parts.push(fc.constantFrom(...fields).chain((field) => draftField(schema, field, depth)));
  }
  if (narrower.length > 0 && depth > 0) {
    parts.push(
      fc
        .constantFrom(...narrower)
        .chain((one) =>
          fc
            .tuple(draft(schema, one, depth - 1), fc.boolean())
            .map(([below, named]) => toFragment(one.name, below, named)),
        ),
    );
  }
  if (parts.length === 0) return fc.constant({ selection: '__typename', fragments: [], variables: [] });
  return fc.array(fc.oneof(...parts), { minLength: 1, maxLength: 3 }).map(join);
}

const join = (drafts: readonly Draft[]): Draft => ({
  selection: drafts.map(({ selection }) => selection).join(' '),
  fragments: drafts.flatMap(({ fragments }) => fragments),
  variables: drafts.flatMap(({ variables }) => variables),
});

function toFragment(type: string, below: Draft, named: boolean): Draft {
  if (!named) return { ...below, selection: `... on ${type} { ${below.selection} }` };
  serial += 1;
  const fragment = `fragment F${serial} on ${type} { ${below.selection} }`;
  return { ...below, selection: `...F${serial}`, fragments: [...below.fragments, fragment] };
}

function draftField(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>, depth: number): fc.Arbitrary<Draft> {
  const named = getNamedType(field.type);
  const below = isCompositeType(named) ? draft(schema, named, depth - 1) : fc.constant(undefined);
  return fc.tuple(below, fc.constantFrom('', '@include', '@skip')).map(([inner, condition]) => {
    serial += 1;
    // An alias of its own for each: two of one name would have to agree.
    const switched = condition === '' ? '' : ` ${condition}(if: $v${serial})`;
    const head = `a${serial}: ${field.name}${real.argumentsOf(field)}${switched}`;
    return {
      selection: inner === undefined ? head : `${head} { ${inner.selection} }`,
      fragments: inner?.fragments ?? [],
      variables: [...(inner?.variables ?? []), ...(condition === '' ? [] : [`${condition} v${serial}`])],
    };
  });
}

interface Asked {
  readonly document: DocumentNode;
  /** `@include v3` or `@skip v3`. */
  readonly variables: readonly string[];
}

const documentsOf = ({ schema }: World): fc.Arbitrary<Asked> =>
  draft(schema, schema.getQueryType() as GraphQLCompositeType, 5).map(({ selection, fragments, variables }) => {
    const declared = variables.map((one) => `$${one.split(' ')[1]}: Boolean!`).join(', ');
    const text = `query${declared === '' ? '' : `(${declared})`} { ${selection} } ${fragments.join(' ')}`;
    return { document: parse(text), variables };
  });

/** Data by chance: missing here and there, lists of any length, any of the possible types. */
function dataOf(schema: GraphQLSchema, type: GraphQLOutputType, chance: (below: number) => number): unknown {
  const nullable = getNullableType(type);
  if (!isNonNullType(type) && chance(4) === 0) return null;
  if (isListType(nullable)) {
    return Array.from({ length: chance(3) }, () => dataOf(schema, nullable.ofType, chance));
  }
  const possible = isAbstractType(nullable) ? schema.getPossibleTypes(nullable) : [nullable];
  return leafOrObject(possible[chance(possible.length)] ?? nullable, (field) => dataOf(schema, field, chance));
}

/** Nothing is missing; lists hold one of each possible type, and a single object is of one by chance. */
function fullData(schema: GraphQLSchema, type: GraphQLOutputType, chance: (below: number) => number): unknown {
  const nullable = getNullableType(type);
  if (isListType(nullable)) {
    const named = getNamedType(nullable);
    const kinds = isAbstractType(named) ? schema.getPossibleTypes(named).length : 1;
    return Array.from({ length: kinds }, (_, at) =>
      fullData(schema, nullable.ofType, (below) => (at ? at % below : chance(below))),
    );
  }
  const possible = isAbstractType(nullable) ? schema.getPossibleTypes(nullable) : [nullable];
  return leafOrObject(possible[chance(possible.length)] ?? nullable, (field) => fullData(schema, field, chance));
}

function leafOrObject(type: GraphQLOutputType, of: (type: GraphQLOutputType) => unknown): unknown {
  if (isEnumType(type)) return type.getValues()[0]?.value;
  if (isObjectType(type)) {
    const fields = Object.values(type.getFields()).map((field) => [field.name, () => of(field.type)]);
    return { __typename: type.name, ...Object.fromEntries(fields) };
  }
  return getNamedType(type).name === 'Boolean' ? true : 1;
}

const callerWith = (scopes: readonly Scope[]): Caller => ({
  kind: 'integration',
  integrationId: 'int_1',
  tokenId: 'tok_1',
  scopes,
  environment: 'sandbox',
});

async function denials(
  guarded: GraphQLSchema,
  asked: Asked,
  rootValue: unknown,
  everything: boolean,
  scopes: readonly Scope[],
) {
  const variableValues = Object.fromEntries(
    asked.variables.map((one) => {
      const [directive, name = ''] = one.split(' ');
      return [name, everything === (directive === '@include')];
    }),
  );
  const contextValue = { caller: callerWith(scopes) } as Context;
  const { errors = [] } = await execute({
    schema: guarded,
    document: asked.document,
    rootValue,
    variableValues,
    contextValue,
  });
  return errors.filter(({ originalError }) =>
    ['INSUFFICIENT_SCOPE', 'FORBIDDEN'].includes((originalError as { code?: string })?.code ?? ''),
  );
}

/** Every subset of the scopes that the document speaks of; others make no difference. */
function subsetsOf({ requirements, schema }: World, document: DocumentNode): Scope[][] {
  const { scopes } = requirementOf(schema, requirements, document);
  const spoken = SCOPE_NAMES.filter((scope) => scopes.flat().includes(scope));
  return Array.from({ length: 2 ** spoken.length }, (_, bits) => spoken.filter((_scope, at) => (bits >> at) & 1));
}

describe.each(Object.entries({ abstract, product }))('on the %s graph', (name, world) => {
  const { schema, requirements } = world;
  const { guarded } = guardSchema(schema, requirements, name === 'abstract' ? 'inventory' : 'billing');
  const query = schema.getQueryType() as GraphQLCompositeType;

  test('whatever the gateway allows the shield denies nothing of, and whatever it refuses the shield would deny', async () => {
    let allowedOnes = 0;
    let refusedOnes = 0;
    await fc.assert(
      fc.asyncProperty(documentsOf(world), fc.infiniteStream(fc.nat()), async (asked, numbers) => {
        expect(validate(schema, asked.document).map(({ message }) => message)).toEqual([]);
        const chance = (below: number): number => Number(numbers.next().value) % below;
        const requirement = requirementOf(schema, requirements, asked.document);
        for (const scopes of subsetsOf(world, asked.document)) {
          if (isAllowed(requirement, scopes, false)) {
            allowedOnes += 1;
            for (const everything of [true, false]) {
              const data = dataOf(schema, query as GraphQLOutputType, chance);
              expect(await denials(guarded, asked, data, everything, scopes)).toEqual([]);
            }
            expect(
              await denials(guarded, asked, fullData(schema, query as GraphQLOutputType, chance), true, scopes),
            ).toEqual([]);
          } else {
            refusedOnes += 1;
            let denied = 0;
            // Each object's type is thrown anew: at most four objects deep, one of three.
            for (let attempt = 0; attempt < 400 && denied === 0; attempt += 1) {
              const data = fullData(schema, query as GraphQLOutputType, chance);
              denied += (await denials(guarded, asked, data, true, scopes)).length;
            }
            expect(denied).toBeGreaterThan(0);
          }
        }
      }),
      // Most of the product's own documents are for managers alone, whatever the scopes.
      { numRuns: name === 'abstract' ? 150 : 400 },
    );
    expect(Math.min(allowedOnes, refusedOnes)).toBeGreaterThan(50);
  });
});

describe('a published way around is closed', () => {
  const needs = (text: string) => requirementOf(abstract.schema, abstract.requirements, parse(text)).scopes;
  const { guarded } = guardSchema(abstract.schema, abstract.requirements, 'appointment');
  const refusals = (text: string, rootValue: unknown, ...scopes: Scope[]) =>
    denials(guarded, { document: parse(text), variables: [] }, rootValue, true, scopes);

  test('an interface or union asks for what each of its possible types asks for', () => {
    expect(needs('{ node(id: "1") { label } }')).toEqual([['read:invoices', 'read:inventory']]);
    expect(needs('{ node(id: "1") { ... on Owned { owner { id } } } }')).toEqual([['read:patients', 'read:inventory']]);
    expect(needs('{ search { ... on Bill { label } } }')).toEqual([['read:appointments', 'read:invoices']]);
  });

  test('a fragment on one type does not ask for what the others would', () => {
    expect(needs('{ node(id: "1") { ... on Person { label } } }')).toEqual([[]]);
  });

  test('the shield judges the type that came, not the interface that was asked', async () => {
    const bill = { node: { __typename: 'Bill', id: '1', label: 'x' } };
    expect(await refusals('{ node(id: "1") { label } }', bill)).toHaveLength(1);
    expect(await refusals('{ node(id: "1") { label } }', bill, 'read:invoices')).toEqual([]);
  });

  test('a type that asks for something asks for it at each of its fields', () => {
    expect(needs('{ node(id: "1") { ... on Item { cost } } }')).toEqual([['read:inventory', 'read:financials']]);
  });
});
