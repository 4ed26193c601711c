import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/**
 * What an operation wants of an object of one type: its fields under their response keys, in the order of the answer.
 * Conditions are decided already, fragments are merged in.
 */
export interface ObjectShape {
  /** An object type; for an object of which only an interface is known, that interface. */
  readonly type: GraphQLCompositeType;
  readonly fields: readonly FieldShape[];
}

export interface FieldShape {
  readonly key: string;
  /** The key under which it was fetched; only where a required field had to be kept apart is it another. */
  readonly source: string;
  readonly name: string;
  readonly type: GraphQLOutputType;
  /** What is wanted of the objects in it; undefined for a leaf. */
  readonly below: Below | undefined;
}

/** What is wanted of the objects in a field, which may be of several types. */
export interface Below {
  readonly declared: GraphQLCompositeType;
  /** The names that `__typename` may have here; a declared object type needs none. */
  readonly possible: readonly string[];
  /** Undefined for a name that cannot stand here. Made when first asked for. */
  shapeOf(typeName: string): ObjectShape | undefined;
}

/** The values of the variables that `@skip` and `@include` look at. */
export type Truths = ReadonlyMap<string, boolean>;

interface Walk {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly truths: Truths;
  readonly fetchedAs: (key: string) => string;
}

/** The shape of a valid document's operation, with its conditions decided by `truths`. */
export function shapeOfOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  truths: Truths,
  fetchedAs: (key: string) => string = (key) => key,
): ObjectShape {
  const operation = operationOf(document);
  const root = schema.getRootType(operation.operation);
  if (!root) throw new Error(`The graph has no ${operation.operation}.`);
  const fragments = new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );
  return shapeOf({ schema, fragments, truths, fetchedAs }, root, [operation.selectionSet]);
}

/** The one operation of a document. */
export function operationOf(document: DocumentNode): OperationDefinitionNode {
  const operation = document.definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new Error('The document has no operation.');
  return operation;
}

function shapeOf(walk: Walk, type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): ObjectShape {
  const nodes = new Map<string, FieldNode[]>();
  for (const set of sets) collect(walk, type, set, nodes);
  const fields = [...nodes].map(([key, [first, ...others]]): FieldShape => {
    const name = first?.name.value ?? key;
    const fieldType = typeOfField(walk.schema, type, name);
    const sets = [first, ...others].flatMap((node) => node?.selectionSet ?? []);
    const declared = getNamedType(fieldType);
    const below = isCompositeType(declared) ? belowOf(walk, declared, sets) : undefined;
    return { key, source: walk.fetchedAs(key), name, type: fieldType, below };
  });
  return { type, fields };
}

function collect(
  walk: Walk,
  type: GraphQLCompositeType,
  { selections }: SelectionSetNode,
  nodes: Map<string, FieldNode[]>,
): void {
  for (const selection of selections) {
    if (!isIncluded(selection.directives, walk.truths)) continue;
    if (selection.kind === Kind.FIELD) {
      const key = (selection.alias ?? selection.name).value;
      const known = nodes.get(key);
      if (known === undefined) nodes.set(key, [selection]);
      else known.push(selection);
      continue;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : walk.fragments.get(selection.name.value);
    if (fragment === undefined) continue;
    const condition = fragment.typeCondition?.name.value;
    if (condition === undefined || applies(walk.schema, condition, type)) {
      collect(walk, type, fragment.selectionSet, nodes);
    }
  }
}

function isIncluded(directives: readonly DirectiveNode[] | undefined, truths: Truths): boolean {
  return (directives ?? []).every((directive) => {
    const given = directive.arguments?.find(({ name }) => name.value === 'if')?.value;
    const value =
      given?.kind === Kind.VARIABLE ? truths.get(given.name.value) : given?.kind === Kind.BOOLEAN && given.value;
    if (directive.name.value === 'skip') return value !== true;
    return directive.name.value !== 'include' || value === true;
  });
}

function applies(schema: GraphQLSchema, condition: string, type: GraphQLCompositeType): boolean {
  if (condition === type.name) return true;
  const wanted = schema.getType(condition);
  return isAbstractType(wanted) && (isObjectType(type) || isInterfaceType(type)) && schema.isSubType(wanted, type);
}

function belowOf(walk: Walk, declared: GraphQLCompositeType, sets: readonly SelectionSetNode[]): Below {
  const { schema } = walk;
  const known = new Map<string, ObjectShape | undefined>();
  const possible = isObjectType(declared) ? [declared.name] : schema.getPossibleTypes(declared).map(({ name }) => name);
  const make = (typeName: string): ObjectShape | undefined => {
    const type = schema.getType(typeName);
    // A subgraph that knows an interface as an object (`@interfaceObject`) names the interface itself.
    const canStandHere =
      possible.includes(typeName) || typeName === declared.name || isNarrower(schema, type, declared);
    return canStandHere && isCompositeType(type) ? shapeOf(walk, type, sets) : undefined;
  };
  return {
    declared,
    possible,
    shapeOf(typeName) {
      if (!known.has(typeName)) known.set(typeName, make(typeName));
      return known.get(typeName);
    },
  };
}

const isNarrower = (schema: GraphQLSchema, type: unknown, declared: GraphQLCompositeType): boolean =>
  isInterfaceType(type) && isAbstractType(declared) && schema.isSubType(declared, type);

function typeOfField(schema: GraphQLSchema, type: GraphQLCompositeType, name: string): GraphQLOutputType {
  if (name === '__typename') return schema.getType('String') as GraphQLOutputType;
  const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
  if (field === undefined) throw new Error(`${type.name} has no field ${name}.`);
  return field.type;
}
