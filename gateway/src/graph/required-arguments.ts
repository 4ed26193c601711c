import { DomainError } from '@bridgework/kernel/errors';
import {
  type DocumentNode,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  parse,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/** Coordinate of a field → the fields with arguments that it requires: name → the arguments as text. */
export type RequiredArguments = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * Which fields `@requires` others with arguments. The planner fetches a required field under its own name, where it
 * would also put the same field with the caller's arguments: one of the two would be answered with the other's value.
 */
export function readRequiredArguments(supergraph: DocumentNode): RequiredArguments {
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (const type of supergraph.definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION && type.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    for (const field of type.fields ?? []) {
      for (const { name, arguments: given } of field.directives ?? []) {
        const requires = given?.find((one) => one.name.value === 'requires')?.value;
        if (name.value !== 'join__field' || requires?.kind !== Kind.STRING || !requires.value.includes('(')) continue;
        found.set(`${type.name.value}.${field.name.value}`, fieldsWithArguments(requires.value));
      }
    }
  }
  return found;
}

function fieldsWithArguments(selection: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  visit(parse(`{ ${selection} }`, { noLocation: true }), {
    Field({ name, arguments: given }) {
      if (given !== undefined && given.length > 0) fields.set(name.value, given.map(print).toSorted().join());
    },
  });
  return fields;
}

/** A document for the planner in which the caller's own fields are out of the way of required ones. */
export interface Separated {
  readonly document: DocumentNode;
  /** The key under which a field of the answer is fetched. */
  readonly fetchedAs: (key: string) => string;
  /** The inverse, for the paths of errors. */
  readonly answeredAs: (key: string) => string;
}

/**
 * Renames the caller's keys that a required field could take. Throws GRAPHQL_VALIDATION_FAILED when two fields of the
 * document require the same field with different arguments, which no plan can give them.
 */
export function separateRequired(
  required: RequiredArguments,
  schema: GraphQLSchema,
  document: DocumentNode,
): Separated {
  const taken = namesRequiredBy(required, schema, document);
  if (taken.size === 0) return { document, fetchedAs: same, answeredAs: same };
  let suffix = '__asked';
  for (const text = print(document); text.includes(suffix); ) suffix += '_';
  const fetchedAs = (key: string): string => (taken.has(key) ? key + suffix : key);
  return {
    document: visit(document, {
      Field(node) {
        const key = (node.alias ?? node.name).value;
        return taken.has(key) ? { ...node, alias: { kind: Kind.NAME, value: fetchedAs(key) } } : undefined;
      },
    }),
    fetchedAs,
    answeredAs: (key) => (key.endsWith(suffix) ? key.slice(0, -suffix.length) : key),
  };
}

const same = (key: string): string => key;

function namesRequiredBy(required: RequiredArguments, schema: GraphQLSchema, document: DocumentNode): Set<string> {
  const taken = new Map<string, string>();
  if (required.size === 0) return new Set();
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name }) {
        for (const type of possibleTypes(schema, types)) {
          for (const [field, given] of required.get(`${type}.${name.value}`) ?? []) {
            const earlier = taken.get(field);
            if (earlier !== undefined && earlier !== given) throw conflict(field);
            taken.set(field, given);
          }
        }
      },
    }),
  );
  return new Set(taken.keys());
}

/** The type that the selection stands on and, for an abstract one, those it may turn out to be. */
function possibleTypes(schema: GraphQLSchema, types: TypeInfo): readonly string[] {
  const parent = types.getParentType();
  if (!parent) return [];
  const narrower = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [];
  return [parent, ...narrower].map(({ name }) => name);
}

const conflict = (field: string): DomainError =>
  new DomainError('GRAPHQL_VALIDATION_FAILED', {
    detail: `Two fields of the document require ${field} with different arguments; ask for them in two documents.`,
  });
