import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';
import { coordinateOf } from './requirements.ts';

interface ListSize {
  readonly assumedSize?: number;
  readonly slicingArguments: readonly string[];
  readonly sizedFields: readonly string[];
}

/** What `@cost` and `@listSize` say, by coordinate; read from the supergraph, because the API schema loses directives. */
export interface CostModel {
  readonly weights: ReadonlyMap<string, number>;
  /** By type, for fields that have no weight of their own. */
  readonly typeWeights: ReadonlyMap<string, number>;
  readonly listSizes: ReadonlyMap<string, ListSize>;
}

/** Entries of a list whose size nothing tells, and of a page whose `first` is not known. */
const UNKNOWN_LIST_SIZE = 10;
const LARGEST_PAGE = 100;
const MUTATION_WEIGHT = 10;

/** @see https://ibm.github.io/graphql-specs/cost-spec.html */
export function readCostModel(supergraph: DocumentNode): CostModel {
  const weights = new Map<string, number>();
  const typeWeights = new Map<string, number>();
  const listSizes = new Map<string, ListSize>();
  for (const type of supergraph.definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION && type.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    const ofType = type.directives?.find(({ name }) => name.value === 'cost');
    if (ofType !== undefined) typeWeights.set(type.name.value, Number(argumentsOf(ofType).weight));
    for (const field of type.fields ?? []) {
      const coordinate = coordinateOf(type.name.value, field.name.value);
      for (const directive of field.directives ?? []) {
        const values = argumentsOf(directive);
        if (directive.name.value === 'cost') weights.set(coordinate, Number(values.weight));
        if (directive.name.value === 'listSize') {
          listSizes.set(coordinate, {
            ...(typeof values.assumedSize === 'number' ? { assumedSize: values.assumedSize } : {}),
            slicingArguments: (values.slicingArguments ?? []) as string[],
            sizedFields: (values.sizedFields ?? []) as string[],
          });
        }
      }
    }
  }
  return { weights, typeWeights, listSizes };
}

const argumentsOf = (directive: ConstDirectiveNode): Record<string, unknown> =>
  Object.fromEntries((directive.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)]));

/**
 * The cost of a valid document with these variables: an object costs 1 unless `@cost` says otherwise of its field or its
 * type, a leaf nothing, a mutation 10 more, all times the size of the lists around it. `first` counts as it is given. Branches that exclude each other are added up.
 */
export function costOf(
  schema: GraphQLSchema,
  model: CostModel,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const walk = beginWalk(schema, model, document, variables);
  return document.definitions.reduce((total, definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return total;
    const root = schema.getRootType(definition.operation);
    if (!root) return total;
    const extra = definition.operation === 'mutation' ? MUTATION_WEIGHT * definition.selectionSet.selections.length : 0;
    return total + extra + costOfSelections(walk, root.name, definition.selectionSet, NO_SIZES);
  }, 0);
}

/**
 * How many entries the largest list of one answer may hold, counted through the lists around it: a hundred appointments
 * of five materials each are 500.
 */
export function largestListOf(
  schema: GraphQLSchema,
  model: CostModel,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const walk = beginWalk(schema, model, document, variables);
  const sizes = document.definitions.map((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return 0;
    const root = schema.getRootType(definition.operation);
    return root ? largestInSelections(walk, root.name, definition.selectionSet, NO_SIZES) : 0;
  });
  return Math.max(0, ...sizes);
}

function beginWalk(
  schema: GraphQLSchema,
  model: CostModel,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): Walk {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const defaults: Record<string, unknown> = {};
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    for (const { variable, defaultValue } of definition.variableDefinitions ?? []) {
      if (defaultValue !== undefined) defaults[variable.name.value] = valueFromASTUntyped(defaultValue);
    }
  }
  return { schema, model, fragments, variables: { ...defaults, ...variables }, known: new Map() };
}

interface Walk {
  readonly schema: GraphQLSchema;
  readonly model: CostModel;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly known: Map<string, number>;
}

/** Sizes that a field gives to lists inside it: a connection's `first` is the number of its `edges`. */
type Sizes = ReadonlyMap<string, number>;
const NO_SIZES: Sizes = new Map();

function costOfSelections(walk: Walk, type: string, { selections }: SelectionSetNode, sizes: Sizes): number {
  return selections.reduce((total, selection) => {
    if (selection.kind === Kind.FIELD) return total + costOfField(walk, type, selection, sizes);
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const narrowed = selection.typeCondition?.name.value ?? type;
      return total + costOfSelections(walk, narrowed, selection.selectionSet, sizes);
    }
    return total + costOfFragment(walk, selection.name.value, sizes);
  }, 0);
}

function costOfFragment(walk: Walk, name: string, sizes: Sizes): number {
  const fragment = walk.fragments.get(name);
  if (fragment === undefined) return 0;
  const key = JSON.stringify([name, ...sizes]);
  const earlier = walk.known.get(key);
  if (earlier !== undefined) return earlier;
  const cost = costOfSelections(walk, fragment.typeCondition.name.value, fragment.selectionSet, sizes);
  walk.known.set(key, cost);
  return cost;
}

function costOfField(walk: Walk, parent: string, node: FieldNode, sizes: Sizes): number {
  const place = placeOf(walk, parent, node);
  if (place === undefined) return 0;
  const { coordinate, returned, isList, page, inner } = place;
  const { weights, typeWeights } = walk.model;
  const own = weights.get(coordinate) ?? typeWeights.get(returned.name) ?? (isLeafType(returned) ? 0 : 1);
  const below =
    node.selectionSet === undefined || !isCompositeType(returned)
      ? 0
      : costOfSelections(walk, returned.name, node.selectionSet, inner);
  return isList ? (own + below) * (sizes.get(node.name.value) ?? page ?? UNKNOWN_LIST_SIZE) : own + below;
}

function largestInSelections(walk: Walk, type: string, { selections }: SelectionSetNode, sizes: Sizes): number {
  const largest = selections.map((selection) => {
    if (selection.kind === Kind.FIELD) return largestInField(walk, type, selection, sizes);
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      return largestInSelections(walk, selection.typeCondition?.name.value ?? type, selection.selectionSet, sizes);
    }
    const fragment = walk.fragments.get(selection.name.value);
    if (fragment === undefined) return 0;
    const key = JSON.stringify([fragment.name.value, ...sizes]);
    const found =
      walk.known.get(key) ?? largestInSelections(walk, fragment.typeCondition.name.value, fragment.selectionSet, sizes);
    walk.known.set(key, found);
    return found;
  });
  return Math.max(0, ...largest);
}

function largestInField(walk: Walk, parent: string, node: FieldNode, sizes: Sizes): number {
  const place = placeOf(walk, parent, node);
  if (place === undefined) return 0;
  const { returned, isList, page, inner } = place;
  const below =
    node.selectionSet === undefined ? 0 : largestInSelections(walk, returned.name, node.selectionSet, inner);
  return isList ? Math.max(1, below) * (sizes.get(node.name.value) ?? page ?? UNKNOWN_LIST_SIZE) : below;
}

/** Where a field stands, and how large the lists in and below it are. */
function placeOf(walk: Walk, parent: string, node: FieldNode) {
  const type = walk.schema.getType(parent);
  const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
  if (field === undefined) return undefined;
  const coordinate = coordinateOf(parent, field.name);
  const listSize = walk.model.listSizes.get(coordinate);
  const page = listSize === undefined ? undefined : pageSize(walk, node, listSize);
  const inner = listSize === undefined || page === undefined ? NO_SIZES : sizesOf(listSize, page);
  return {
    coordinate,
    returned: getNamedType(field.type),
    isList: isListType(getNullableType(field.type)),
    page,
    inner,
  };
}

const sizesOf = ({ sizedFields }: ListSize, size: number): Sizes => new Map(sizedFields.map((name) => [name, size]));

function pageSize(walk: Walk, node: FieldNode, { assumedSize, slicingArguments }: ListSize): number {
  const given = (node.arguments ?? [])
    .filter(({ name }) => slicingArguments.includes(name.value))
    .map(({ value }) => valueFromASTUntyped(value, walk.variables));
  const sizes = given.filter((value): value is number => typeof value === 'number' && value >= 0);
  if (sizes.length > 0) return Math.max(...sizes);
  return assumedSize ?? LARGEST_PAGE;
}
