import type { Caller, Context } from '@bridgework/kernel/context';
import { guardSchema } from '@bridgework/kernel/scope-rules';
import { isAllowed, requirementOf, SCOPE_NAMES, STAFF_ROLES, scopesOfRole } from '@bridgework/schema';
import fc from 'fast-check';
import {
  execute,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isLeafType,
  isListType,
  isObjectType,
} from 'graphql';
import { expect, test } from 'vitest';
import { argumentsOf, readDocument, requirements, schema } from './documents.ts';

const { guarded } = guardSchema(schema, requirements, 'appointment');

/** Data in which nothing is missing: every field of every object is there, every list has an entry. */
function dataOf(type: GraphQLOutputType): unknown {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return [dataOf(nullable.ofType)];
  if (isEnumType(nullable)) return nullable.getValues()[0]?.value;
  if (isObjectType(nullable)) {
    return Object.fromEntries(
      Object.values(nullable.getFields()).map((field) => [field.name, () => dataOf(field.type)]),
    );
  }
  return getNamedType(nullable).name === 'Boolean' ? true : 1;
}

function selection(type: GraphQLObjectType, depth: number): fc.Arbitrary<string> {
  const fields = Object.values(type.getFields()).filter(
    (field) => argumentsOf(field) !== undefined && (depth > 0 || isLeafType(getNamedType(field.type))),
  );
  if (fields.length === 0) return fc.constant('{ __typename }');
  return fc
    .uniqueArray(fc.constantFrom(...fields), { minLength: 1, maxLength: 3 })
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map((field) => {
          const named = getNamedType(field.type);
          const head = `${field.name}${argumentsOf(field)}`;
          return isObjectType(named)
            ? selection(named, depth - 1).map((below) => `${head} ${below}`)
            : fc.constant(head);
        }),
      ),
    )
    .map((lines) => `{ ${lines.join(' ')} }`);
}

const query = schema.getQueryType() as GraphQLObjectType;
const token = fc.uniqueArray(fc.constantFrom(...SCOPE_NAMES)).map(
  (scopes): Caller => ({
    kind: 'integration',
    integrationId: 'int_1',
    tokenId: 'tok_1',
    scopes,
    environment: 'sandbox',
  }),
);
const person = fc
  .constantFrom(...STAFF_ROLES)
  .map((role): Caller => ({ kind: 'user', issuer: 'i', subject: 's', name: 'n', role, scopes: scopesOfRole(role) }));

test('lets the gateway allow exactly what the shield behind it denies nothing of', async () => {
  await fc.assert(
    fc.asyncProperty(selection(query, 6), fc.oneof(token, person), async (text, caller) => {
      const document = readDocument(text);
      const scopes = 'scopes' in caller ? caller.scopes : [];
      const manager = caller.kind === 'user' && caller.role === 'MANAGER';
      const allowed = isAllowed(requirementOf(schema, requirements, document), scopes, manager);
      const result = await execute({
        schema: guarded,
        document,
        rootValue: dataOf(query),
        contextValue: { caller } as Context,
      });
      expect(result.errors === undefined).toBe(allowed);
    }),
    { numRuns: 300 },
  );
});
