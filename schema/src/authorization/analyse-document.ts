import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import {
  bothOf,
  coordinateOf,
  type DocumentRequirement,
  type RequirementMap,
  type ScopeAlternatives,
} from './requirements.ts';

/** What a document reaches. */
export interface Reach {
  /** `Type.field` of object types; a field of an interface counts for every type it may meet. */
  readonly coordinates: ReadonlySet<string>;
  readonly introspects: boolean;
}

/**
 * Every field of an object type that the document can reach, whatever the data: through aliases, fragments, interfaces
 * and unions. `@skip` and `@include` are ignored, so a document asks for the same whatever its variables are.
 *
 * The document must be valid against the schema.
 */
export function reachOf(schema: GraphQLSchema, document: DocumentNode): Reach {
  const coordinates = new Set<string>();
  const fragments = new Map<string, FragmentDefinitionNode>();
  // A fragment below the same types reaches the same fields: visited once, or spreads of spreads would take for ever.
  const visited = new Set<string>();
  let introspects = false;

  function visitSelections(types: readonly GraphQLObjectType[], { selections }: SelectionSetNode): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        visitField(types, selection.name.value, selection.selectionSet);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        visitSelections(narrow(types, selection.typeCondition?.name.value), selection.selectionSet);
      } else {
        const fragment = fragments.get(selection.name.value);
        if (fragment === undefined) continue;
        const narrowed = narrow(types, fragment.typeCondition.name.value);
        const key = [fragment.name.value, ...narrowed.map(({ name }) => name)].join(' ');
        if (visited.has(key)) continue;
        visited.add(key);
        visitSelections(narrowed, fragment.selectionSet);
      }
    }
  }

  function visitField(types: readonly GraphQLObjectType[], name: string, below: SelectionSetNode | undefined): void {
    if (name === '__schema' || name === '__type') introspects = true;
    if (name.startsWith('__')) return;
    const reached = new Set<GraphQLObjectType>();
    for (const type of types) {
      const field = type.getFields()[name];
      if (field === undefined) continue;
      coordinates.add(coordinateOf(type.name, name));
      for (const next of objectTypesOf(schema, getNamedType(field.type).name)) reached.add(next);
    }
    if (below !== undefined) visitSelections([...reached], below);
  }

  function narrow(types: readonly GraphQLObjectType[], condition: string | undefined): readonly GraphQLObjectType[] {
    if (condition === undefined) return types;
    const allowed = new Set(objectTypesOf(schema, condition));
    return types.filter((type) => allowed.has(type));
  }

  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const root = schema.getRootType(definition.operation);
    if (root) visitSelections([root], definition.selectionSet);
  }
  return { coordinates, introspects };
}

function objectTypesOf(schema: GraphQLSchema, name: string): readonly GraphQLObjectType[] {
  const type = schema.getType(name);
  if (!isCompositeType(type)) return [];
  if (isObjectType(type)) return [type];
  return isAbstractType(type) ? schema.getPossibleTypes(type) : [];
}

/**
 * What a caller needs to run the document: all that its fields ask for, whatever the data. Throws when it reaches a
 * field of which nothing is known, because that must be refused to everybody.
 *
 * @see docs/rules.md#least-privilege
 */
export function requirementOf(
  schema: GraphQLSchema,
  requirements: RequirementMap,
  document: DocumentNode,
): DocumentRequirement {
  return requirementOfReach(requirements, reachOf(schema, document));
}

/** As {@link requirementOf}, for a document whose reach is known. */
export function requirementOfReach(requirements: RequirementMap, reach: Reach): DocumentRequirement {
  const { coordinates, introspects } = reach;
  let scopes: ScopeAlternatives = [[]];
  let manager = false;
  let personalData = false;
  for (const coordinate of coordinates) {
    const requirement = Object.hasOwn(requirements, coordinate) ? requirements[coordinate] : undefined;
    if (requirement === undefined) throw new Error(`Nothing is known of what ${coordinate} requires.`);
    if (requirement.pii !== undefined) personalData = true;
    if ('scopes' in requirement) scopes = bothOf(scopes, requirement.scopes);
    else if ('policy' in requirement) manager = true;
  }
  return { scopes, manager, introspects, personalData };
}
