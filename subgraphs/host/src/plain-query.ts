import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** The truth of each variable that `@skip` and `@include` name. */
export type Conditions = ReadonlyMap<string, boolean>;

/** The variables on which parts of the document depend. */
export function conditionVariables(document: DocumentNode, operation: OperationDefinitionNode): readonly string[] {
  const names = new Set<string>();
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      for (const { arguments: given = [] } of (selection.directives ?? []).filter(isCondition)) {
        for (const { value } of given) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
      }
      if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet) collect(selection.selectionSet);
    }
  };
  collect(operation.selectionSet);
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) collect(definition.selectionSet);
  }
  return [...names];
}

/**
 * What the operation selects under these conditions, without `@skip`, `@include` and named fragments: the same fields in
 * the same order. Undefined when it is larger than `maxFields` so written, as fragments of fragments can be.
 */
export function plainQuery(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  conditions: Conditions,
  maxFields: number,
): SelectionSetNode | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  let left = maxFields;

  const plain = ({ selections }: SelectionSetNode): SelectionSetNode => {
    const kept: SelectionNode[] = [];
    for (const selection of selections) {
      if (left < 0 || !isIncluded(selection, conditions)) continue;
      left -= 1;
      const directives = (selection.directives ?? []).filter((one) => !isCondition(one));
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value);
        if (fragment === undefined) continue;
        const { typeCondition, selectionSet } = fragment;
        kept.push({ kind: Kind.INLINE_FRAGMENT, typeCondition, directives, selectionSet: plain(selectionSet) });
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        kept.push({ ...selection, directives, selectionSet: plain(selection.selectionSet) });
      } else {
        const { selectionSet } = selection;
        kept.push({ ...selection, directives, ...(selectionSet ? { selectionSet: plain(selectionSet) } : {}) });
      }
    }
    return { kind: Kind.SELECTION_SET, selections: kept };
  };

  const selectionSet = plain(operation.selectionSet);
  return left < 0 ? undefined : selectionSet;
}

const isCondition = ({ name }: DirectiveNode): boolean => name.value === 'skip' || name.value === 'include';

function isIncluded({ directives = [] }: SelectionNode, conditions: Conditions): boolean {
  return directives.filter(isCondition).every(({ name, arguments: given = [] }) => {
    const [condition] = given;
    const truth =
      condition?.value.kind === Kind.VARIABLE
        ? conditions.get(condition.value.name.value)
        : condition?.value.kind === Kind.BOOLEAN && condition.value.value;
    return truth === (name.value === 'include');
  });
}
