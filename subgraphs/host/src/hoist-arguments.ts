import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isCompositeType,
  isObjectType,
  isUnionType,
  Kind,
  type NameNode,
  type SelectionNode,
  type SelectionSetNode,
  type VariableNode,
} from 'graphql';

export type Variables = Readonly<Record<string, unknown>>;

export interface Hoisted {
  /** The same fields, each argument a variable of its own. */
  readonly selectionSet: SelectionSetNode;
  /** The names of these variables. */
  readonly names: readonly string[];
  /** Their values, as graphql-js reads arguments; throws where it would report an argument. */
  read(coerced: Variables): Variables;
}

/**
 * Has graphql-js read every argument, once for each request instead of at each row: how defaults, nulls and variables
 * that were left out go together is its to say. Undefined when a field of an interface has arguments, of which each type
 * behind it may know more.
 */
export function hoistArguments(
  schema: GraphQLSchema,
  root: GraphQLCompositeType,
  selectionSet: SelectionSetNode,
): Hoisted | undefined {
  const places: { readonly field: GraphQLField<unknown, unknown>; readonly node: FieldNode; readonly at: number }[] =
    [];
  const names: string[] = [];
  let isPossible = true;

  const below = (type: GraphQLCompositeType, { selections }: SelectionSetNode): SelectionSetNode => ({
    kind: Kind.SELECTION_SET,
    selections: selections.map((one) => rewrite(type, one)),
  });

  function rewrite(type: GraphQLCompositeType, node: SelectionNode): SelectionNode {
    if (node.kind === Kind.FRAGMENT_SPREAD) return node;
    if (node.kind === Kind.INLINE_FRAGMENT) {
      const narrowed = node.typeCondition === undefined ? type : schema.getType(node.typeCondition.name.value);
      return isCompositeType(narrowed) ? { ...node, selectionSet: below(narrowed, node.selectionSet) } : node;
    }
    const field = isUnionType(type) ? undefined : type.getFields()[node.name.value];
    if (field === undefined) return node;
    const returned = getNamedType(field.type);
    const inner = node.selectionSet && isCompositeType(returned) ? below(returned, node.selectionSet) : undefined;
    const hoisted = { ...node, ...(inner && { selectionSet: inner }) };
    if (field.args.length === 0) return hoisted;
    if (!isObjectType(type)) isPossible = false;
    const at = places.push({ field, node, at: places.length }) - 1;
    return {
      ...hoisted,
      arguments: field.args.map(({ name }) => {
        names.push(nameOf(at, name));
        return { kind: Kind.ARGUMENT, name: named(name), value: variable(nameOf(at, name)) };
      }),
    };
  }

  const rewritten = below(root, selectionSet);
  if (!isPossible) return undefined;
  return {
    selectionSet: rewritten,
    names,
    read(coerced) {
      const values: Record<string, unknown> = {};
      for (const { field, node, at } of places) {
        for (const [name, value] of Object.entries(getArgumentValues(field, node, coerced))) {
          values[nameOf(at, name)] = value;
        }
      }
      return values;
    },
  };
}

const nameOf = (at: number, argument: string): string => `a${at}_${argument}`;
const named = (value: string): NameNode => ({ kind: Kind.NAME, value });
export const variable = (name: string): VariableNode => ({ kind: Kind.VARIABLE, name: named(name) });
