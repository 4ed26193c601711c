import type { FetchNode } from '@apollo/query-planner';
import { Kind, parse, type SelectionSetNode } from 'graphql';
import { operationOf } from '../shape/collect.ts';

/** The response keys that a fetch fills: of the root, or of the entities it asks for. Renamed keys under their last name. */
export function topKeysOf({ operation, requires, outputRewrites = [] }: FetchNode): readonly string[] {
  const document = parse(operation, { noLocation: true });
  const fragments = new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one.selectionSet] as const] : [],
    ),
  );
  const keys = new Set<string>();
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const one of selections) {
      if (one.kind === Kind.FIELD) keys.add((one.alias ?? one.name).value);
      else if (one.kind === Kind.INLINE_FRAGMENT) collect(one.selectionSet);
      else collect(fragments.get(one.name.value) ?? { kind: Kind.SELECTION_SET, selections: [] });
    }
  };
  const { selectionSet } = operationOf(document);
  if (requires === undefined || requires.length === 0) collect(selectionSet);
  else
    for (const one of selectionSet.selections)
      if (one.kind === Kind.FIELD && one.selectionSet) collect(one.selectionSet);
  for (const one of outputRewrites) if (one.kind === 'KeyRenamer') keys.add(one.renameKeyTo);
  keys.delete('__typename');
  return [...keys];
}
