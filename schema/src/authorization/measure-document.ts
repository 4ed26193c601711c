import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** How large a document is, whatever its variables. */
export interface DocumentSize {
  /** Fields inside fields; a lone root field is 1. */
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
}

export interface DocumentLimits extends DocumentSize {
  /** In units of {@link costOf}. */
  readonly cost: number;
  /** Entries that a list is asked for at once. */
  readonly pageSize: number;
}

/** What a document may be at most. Cost and page size are judged per request, with the actual variables. */
export const DOCUMENT_LIMITS: DocumentLimits = { depth: 10, aliases: 30, rootFields: 10, cost: 1000, pageSize: 100 };

/** For partners that may send text in the sandbox. */
export const AD_HOC_LIMITS: DocumentLimits = { depth: 8, aliases: 15, rootFields: 5, cost: 300, pageSize: 50 };

/**
 * Measures the largest operation of a valid document (fragments do not go round in circles). A fragment is measured once
 * and counted as often as it is spread.
 */
export function measureDocument(document: DocumentNode): DocumentSize {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
  }
  const known = new Map<string, DocumentSize>();

  function measureSelections({ selections }: SelectionSetNode): DocumentSize {
    const sizes = selections.map((selection): DocumentSize => {
      if (selection.kind === Kind.FIELD) return measureField(selection);
      if (selection.kind === Kind.INLINE_FRAGMENT) return measureSelections(selection.selectionSet);
      return measureFragment(selection.name.value);
    });
    return {
      depth: Math.max(0, ...sizes.map(({ depth }) => depth)),
      aliases: sum(sizes.map(({ aliases }) => aliases)),
      rootFields: sum(sizes.map(({ rootFields }) => rootFields)),
    };
  }

  function measureField({ alias, selectionSet }: FieldNode): DocumentSize {
    const below = selectionSet === undefined ? NOTHING : measureSelections(selectionSet);
    return { depth: below.depth + 1, aliases: below.aliases + (alias === undefined ? 0 : 1), rootFields: 1 };
  }

  function measureFragment(name: string): DocumentSize {
    const earlier = known.get(name);
    if (earlier !== undefined) return earlier;
    known.set(name, NOTHING);
    const fragment = fragments.get(name);
    const size = fragment === undefined ? NOTHING : measureSelections(fragment.selectionSet);
    known.set(name, size);
    return size;
  }

  return operations
    .map(({ selectionSet }) => measureSelections(selectionSet))
    .reduce(
      (left, right) => ({
        depth: Math.max(left.depth, right.depth),
        aliases: Math.max(left.aliases, right.aliases),
        rootFields: Math.max(left.rootFields, right.rootFields),
      }),
      NOTHING,
    );
}

const NOTHING: DocumentSize = { depth: 0, aliases: 0, rootFields: 0 };

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** What of the document is larger than allowed, one sentence each; empty when nothing is. */
export function findExcess(size: Partial<DocumentLimits>, limits: DocumentLimits): string[] {
  return (['depth', 'aliases', 'rootFields', 'cost', 'pageSize'] as const).flatMap((measure) => {
    const value = size[measure];
    return value !== undefined && value > limits[measure]
      ? [`${NAMES[measure]} is ${value}; at most ${limits[measure]} is allowed.`]
      : [];
  });
}

const NAMES = {
  depth: 'The depth',
  aliases: 'The number of aliases',
  rootFields: 'The number of root fields',
  cost: 'The cost',
  pageSize: 'The number of entries asked for at once',
} as const;
