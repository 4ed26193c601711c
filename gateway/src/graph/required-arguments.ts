import {
  type DocumentNode,
  type FieldNode,
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

/** What is planned instead of a document, so that the caller's own fields are out of the way of required ones. */
export interface Separated {
  /** One, or several whose plans run one after the other over the same data. */
  readonly documents: readonly DocumentNode[];
  /** The key under which a field of the answer is fetched. */
  readonly fetchedAs: (key: string) => string;
  /** The inverse, for the paths of errors. */
  readonly answeredAs: (key: string) => string;
}

/**
 * Renames the caller's keys that a required field could take. Fields that require the same field with different
 * arguments come into documents of their own: no one plan can give them both.
 */
export function separateRequired(
  required: RequiredArguments,
  schema: GraphQLSchema,
  document: DocumentNode,
): Separated {
  const needs = needsOf(required, schema, document);
  const taken = new Set([...needs.values()].flatMap((fields) => [...fields.keys()]));
  if (taken.size === 0) return { documents: [document], fetchedAs: same, answeredAs: same };
  let suffix = '__asked';
  for (const text = print(document); text.includes(suffix); ) suffix += '_';
  const fetchedAs = (key: string): string => (taken.has(key) ? key + suffix : key);
  return {
    documents: groupsOf(needs).map((group) => rename(schema, document, { needs, group, fetchedAs })),
    fetchedAs,
    answeredAs: (key) => (key.endsWith(suffix) ? key.slice(0, -suffix.length) : key),
  };
}

const same = (key: string): string => key;

interface Renaming {
  readonly needs: RequiredArguments;
  /** The coordinates that this document asks for, of those that require something. */
  readonly group: ReadonlySet<string>;
  readonly fetchedAs: (key: string) => string;
}

function rename(schema: GraphQLSchema, document: DocumentNode, { needs, group, fetchedAs }: Renaming): DocumentNode {
  const types = new TypeInfo(schema);
  return visit(
    document,
    visitWithTypeInfo(types, {
      Field(node) {
        const key = (node.alias ?? node.name).value;
        const requiring = coordinatesOf(schema, types, node.name.value).filter((one) => needs.has(one));
        // Asked for by another of the documents; a selection may not be left empty.
        if (requiring.length > 0 && !requiring.every((one) => group.has(one))) return typename(`${key}__later`);
        const source = fetchedAs(key);
        return source === key ? undefined : { ...node, alias: { kind: Kind.NAME, value: source } };
      },
    }),
  );
}

const typename = (alias: string): FieldNode => ({
  kind: Kind.FIELD,
  alias: { kind: Kind.NAME, value: alias },
  name: { kind: Kind.NAME, value: '__typename' },
});

/** The part of `required` that the document's fields are concerned by. */
function needsOf(required: RequiredArguments, schema: GraphQLSchema, document: DocumentNode): RequiredArguments {
  const needs = new Map<string, ReadonlyMap<string, string>>();
  if (required.size === 0) return needs;
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name }) {
        for (const coordinate of coordinatesOf(schema, types, name.value)) {
          const fields = required.get(coordinate);
          if (fields !== undefined) needs.set(coordinate, fields);
        }
      },
    }),
  );
  return needs;
}

/** On the type that the selection stands on and, for an abstract one, on those it may turn out to be. */
function coordinatesOf(schema: GraphQLSchema, types: TypeInfo, field: string): readonly string[] {
  const parent = types.getParentType();
  if (!parent) return [];
  const narrower = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [];
  return [parent, ...narrower].map(({ name }) => `${name}.${field}`);
}

/** As few groups as come about by putting each field into the first one where it meets no other arguments. */
function groupsOf(needs: RequiredArguments): readonly ReadonlySet<string>[] {
  const groups: { readonly members: Set<string>; readonly given: Map<string, string> }[] = [];
  for (const [coordinate, fields] of needs) {
    const fits = groups.find(({ given }) => [...fields].every(([name, text]) => (given.get(name) ?? text) === text));
    const group = fits ?? { members: new Set<string>(), given: new Map<string, string>() };
    if (fits === undefined) groups.push(group);
    group.members.add(coordinate);
    for (const [name, text] of fields) group.given.set(name, text);
  }
  return groups.map(({ members }) => members);
}
