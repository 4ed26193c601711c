import {
  type ConstDirectiveNode,
  type ConstValueNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
} from 'graphql';
import { isScope, type Scope } from '../scopes.ts';
import { findUnmarkedPersonalData, isPiiClass } from './personal-data.ts';
import {
  bothOf,
  coordinateOf,
  type FieldRequirement,
  normalise,
  type RequirementMap,
  type ScopeAlternatives,
} from './requirements.ts';

export interface Extraction {
  readonly requirements: RequirementMap;
  /** Why this graph must not be served; empty when it may. One sentence each, beginning with a coordinate. */
  readonly faults: readonly string[];
}

/**
 * Reads what every field asks of a caller from the composed graph, before the directives are stripped from it. Deny by
 * default: a field that carries nothing, or two things at once, is a fault.
 *
 * A requirement on a type is asked of each of its fields, beside the field's own.
 */
export function extractRequirements(supergraph: DocumentNode): Extraction {
  const faults: string[] = [];
  const requirements: Record<string, FieldRequirement> = {};
  for (const type of supergraph.definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION || isOfComposition(type.name.value)) continue;
    for (const field of type.fields ?? []) {
      const coordinate = coordinateOf(type.name.value, field.name.value);
      try {
        requirements[coordinate] = requirementOfField(type, field);
      } catch (error) {
        faults.push(`${coordinate} ${error instanceof Error ? error.message : String(error)}.`);
      }
    }
  }
  faults.push(...findUnmarkedPersonalData(requirements));
  return { requirements: sorted(requirements), faults };
}

const isOfComposition = (name: string): boolean => name.includes('__');

function requirementOfField(type: ObjectTypeDefinitionNode, field: FieldDefinitionNode): FieldRequirement {
  const carried = [...readMarks(type.directives ?? []), ...readMarks(field.directives ?? [])];
  const pii = readPii(field.directives ?? []);
  if (carried.length === 0) throw new Error('carries neither a requirement nor @public');
  const kinds = new Set(carried.map((mark) => Object.keys(mark)[0]));
  if (kinds.size > 1) throw new Error('carries more than one of @requiresScopes, @policy and @public');
  return { ...carried.reduce(merge), ...(pii === undefined ? {} : { pii }) };
}

type Mark = { scopes: ScopeAlternatives } | { policy: 'manager' } | { public: true };

const merge = (left: Mark, right: Mark): Mark =>
  'scopes' in left && 'scopes' in right ? { scopes: bothOf(left.scopes, right.scopes) } : left;

function readMarks(directives: readonly ConstDirectiveNode[]): Mark[] {
  return directives.flatMap((directive): Mark[] => {
    switch (directive.name.value) {
      case 'requiresScopes':
        return [{ scopes: normalise(readStrings(directive, 'scopes').map((set) => set.map(toScope))) }];
      case 'policy':
        if (JSON.stringify(readStrings(directive, 'policies')) !== '[["manager"]]') {
          throw new Error('names a policy other than manager');
        }
        return [{ policy: 'manager' }];
      case 'public':
        return [{ public: true }];
      case 'authenticated':
        throw new Error('carries @authenticated; write @public');
      default:
        return [];
    }
  });
}

function readPii(directives: readonly ConstDirectiveNode[]) {
  const directive = directives.find(({ name }) => name.value === 'pii');
  if (directive === undefined) return undefined;
  const value = directive.arguments?.find(({ name }) => name.value === 'class')?.value;
  if (value?.kind !== Kind.STRING || !isPiiClass(value.value))
    throw new Error('names an unknown class of personal data');
  return value.value;
}

function toScope(text: string): Scope {
  if (!isScope(text)) throw new Error(`names an unknown scope, ${text}`);
  return text;
}

function readStrings(directive: ConstDirectiveNode, argument: string): string[][] {
  const value = directive.arguments?.find(({ name }) => name.value === argument)?.value;
  const sets = value === undefined ? [] : itemsOf(value).map((set) => itemsOf(set).map(textOf));
  if (sets.length === 0 || sets.some((set) => set.length === 0)) throw new Error('asks for nothing; write @public');
  return sets;
}

/** GraphQL reads a single value as a list of one. */
const itemsOf = (value: ConstValueNode): readonly ConstValueNode[] =>
  value.kind === Kind.LIST ? value.values : [value];

function textOf(value: ConstValueNode): string {
  if (value.kind !== Kind.STRING) throw new Error('has a requirement that is not text');
  return value.value;
}

const sorted = (map: Record<string, FieldRequirement>): RequirementMap =>
  Object.fromEntries(Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1)));
