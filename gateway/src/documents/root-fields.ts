import { type DocumentNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';

/** The names, not the aliases, of the root fields an operation selects, in its own order, each once. */
export function rootFieldsOf(document: DocumentNode, operationName: string): readonly string[] {
  const fragments = new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one.selectionSet] as const] : [],
    ),
  );
  // Validated: a fragment that is spread exists and contains no spread of itself.
  const fieldsIn = ({ selections }: SelectionSetNode): string[] =>
    selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection.name.value];
      if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsIn(selection.selectionSet);
      const spread = fragments.get(selection.name.value);
      return spread === undefined ? [] : fieldsIn(spread);
    });
  return [...new Set(operationsIn(document, operationName).flatMap(({ selectionSet }) => fieldsIn(selectionSet)))];
}

const operationsIn = (document: DocumentNode, name: string): readonly OperationDefinitionNode[] =>
  document.definitions.flatMap((one) =>
    one.kind === Kind.OPERATION_DEFINITION && (one.name?.value ?? '') === name ? [one] : [],
  );
