import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
  type ValueNode,
} from 'graphql';

/**
 * What a document can cost, after IBM's cost directives: a composite field weighs 1, a leaf 0 (or its @cost), a list
 * multiplies by its @listSize.
 *
 * @see https://ibm.github.io/graphql-specs/cost-spec.html
 */
export interface Weight {
  readonly cost: number;
  /** Most entries that any one list can come to, all lists above it included. */
  readonly listSize: number;
  /** Levels of fields. */
  readonly depth: number;
}

/** A list without @listSize counts as this many. */
const UNSIZED_LIST = 10;
const NOTHING: Weight = { cost: 0, listSize: 0, depth: 0 };

interface Walk {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** What a page size given by a variable counts as: the cap for the worst case, 1 for the best. */
  readonly variableSize: number;
  /** Fragments are weighed once: spreads inside spreads would otherwise multiply without bound. */
  readonly weighed: Map<string, Weight>;
}

/** Sizes that the field above gave to its children: `first` of a connection sizes its `edges`. */
type ChildSizes = ReadonlyMap<string, number>;
const NO_SIZES: ChildSizes = new Map();

/** The document must be valid: fragments without circles, known fields. */
export function weigh(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variableSize: number,
): Weight {
  const root = schema.getRootType(operation.operation);
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const walk: Walk = {
    schema,
    fragments: new Map(fragments.map((fragment) => [fragment.name.value, fragment])),
    variableSize,
    weighed: new Map(),
  };
  return root ? weighSelections(walk, operation.selectionSet, root, NO_SIZES) : NOTHING;
}

function weighSelections(
  walk: Walk,
  { selections }: SelectionSetNode,
  parent: GraphQLCompositeType,
  sizes: ChildSizes,
): Weight {
  return selections
    .map((selection) => {
      if (selection.kind === Kind.FIELD) return weighField(walk, selection, parent, sizes);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return weighSpread(walk, selection.name.value, sizes);
      const type = selection.typeCondition ? typeFromAST(walk.schema, selection.typeCondition) : parent;
      return isCompositeType(type) ? weighSelections(walk, selection.selectionSet, type, sizes) : NOTHING;
    })
    .reduce(
      (sum, one) => ({
        cost: sum.cost + one.cost,
        listSize: Math.max(sum.listSize, one.listSize),
        depth: Math.max(sum.depth, one.depth),
      }),
      NOTHING,
    );
}

function weighSpread(walk: Walk, name: string, sizes: ChildSizes): Weight {
  const key = `${name} ${[...sizes].join(' ')}`;
  const known = walk.weighed.get(key);
  if (known !== undefined) return known;
  const fragment = walk.fragments.get(name);
  const type = fragment && typeFromAST(walk.schema, fragment.typeCondition);
  const weight =
    fragment && isCompositeType(type) ? weighSelections(walk, fragment.selectionSet, type, sizes) : NOTHING;
  walk.weighed.set(key, weight);
  return weight;
}

function weighField(walk: Walk, node: FieldNode, parent: GraphQLCompositeType, sizes: ChildSizes): Weight {
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
  if (field === undefined) return { cost: 0, listSize: 0, depth: 1 };
  const type = getNamedType(field.type);
  const slice = readListSize(walk, node, field);
  const below =
    isCompositeType(type) && node.selectionSet
      ? weighSelections(walk, node.selectionSet, type, slice.childSizes)
      : NOTHING;
  const times = isListField(field) ? (sizes.get(node.name.value) ?? slice.size ?? UNSIZED_LIST) : 1;
  const own = readCost(field) ?? (isCompositeType(type) ? 1 : 0);
  return {
    cost: times * (own + below.cost),
    listSize: isListField(field) ? times * Math.max(1, below.listSize) : below.listSize,
    depth: 1 + below.depth,
  };
}

function isListField(field: GraphQLField<unknown, unknown>): boolean {
  return isListType(isNonNullType(field.type) ? field.type.ofType : field.type);
}

function readCost(field: GraphQLField<unknown, unknown>): number | undefined {
  const weight = argument(directive(field, 'cost'), 'weight');
  return weight?.kind === Kind.STRING || weight?.kind === Kind.INT ? Number(weight.value) : undefined;
}

interface Slice {
  readonly size: number | undefined;
  readonly childSizes: ChildSizes;
}

function readListSize(walk: Walk, node: FieldNode, field: GraphQLField<unknown, unknown>): Slice {
  const listSize = directive(field, 'listSize');
  const assumed = argument(listSize, 'assumedSize');
  const slicing = names(argument(listSize, 'slicingArguments')).flatMap((name) => sliceOf(walk, node, field, name));
  const size =
    slicing.length > 0 ? Math.max(...slicing) : assumed?.kind === Kind.INT ? Number(assumed.value) : undefined;
  const sized = names(argument(listSize, 'sizedFields'));
  return {
    size,
    childSizes: size === undefined || sized.length === 0 ? NO_SIZES : new Map(sized.map((name) => [name, size])),
  };
}

function sliceOf(walk: Walk, node: FieldNode, field: GraphQLField<unknown, unknown>, name: string): number[] {
  const given = node.arguments?.find((one) => one.name.value === name)?.value;
  if (given?.kind === Kind.INT) return [Number(given.value)];
  if (given?.kind === Kind.VARIABLE) return [walk.variableSize];
  const fallback = field.args.find((one) => one.name === name)?.defaultValue;
  return typeof fallback === 'number' ? [fallback] : [];
}

const directive = (field: GraphQLField<unknown, unknown>, name: string): DirectiveNode | undefined =>
  field.astNode?.directives?.find((one) => one.name.value === name);
const argument = (node: DirectiveNode | undefined, name: string): ValueNode | undefined =>
  node?.arguments?.find((one) => one.name.value === name)?.value;
const names = (value: ValueNode | undefined): string[] =>
  value?.kind === Kind.LIST ? value.values.flatMap((one) => (one.kind === Kind.STRING ? [one.value] : [])) : [];
