import { createRequire } from 'node:module';
import {
  type FieldRequirement,
  isAllowed,
  type RequirementMap,
  reachOf,
  requirementOf,
  type Scope,
  type SubgraphName,
} from '@bridgework/schema';
import { type DocumentNode, type GraphQLSchema, isObjectType } from 'graphql';
import type { applyMiddleware as ApplyMiddleware } from 'graphql-middleware';
import type { deny as Deny, rule as Rule, shield as Shield } from 'graphql-shield';
import type { Caller, Context } from './context.ts';
import { DomainError } from './errors.ts';
import { rememberVerdicts, type ShieldMiddleware, type Verdict } from './scope-verdicts.ts';

// Their ESM build cannot be imported on Node 23 and later.
const require = createRequire(import.meta.url);
const { rule, shield, deny } = require('graphql-shield') as {
  rule: typeof Rule;
  shield: typeof Shield;
  deny: typeof Deny;
};
const { applyMiddleware } = require('graphql-middleware') as { applyMiddleware: typeof ApplyMiddleware };

/** Federation's own machinery; what is reached through `_entities` is guarded on the entities' fields. */
const ALLOWED_BY_NAME = new Set(['Query._service', 'Query._entities', '_Service.sdl']);

type ShieldRule = ReturnType<ReturnType<typeof Rule>>;
type FieldMap = Record<string, ShieldMiddleware>;

/** The schema of one subgraph, with graphql-shield in front of it and without. */
export interface GuardedGraph {
  readonly requirements: RequirementMap;
  /** Shield stands in front of every field that asks something of its caller. Whatever is not permitted runs here. */
  readonly guarded: GraphQLSchema;
  /** The same resolvers with nothing in front. Only for what {@link GuardedGraph.permits} said yes to. */
  readonly bare: GraphQLSchema;
  /**
   * True when shield's rules allow the caller every field that the document can reach, whatever the data: shield in
   * front of the fields could refuse none of them, so it need not be asked at each value of each row.
   */
  permits(document: DocumentNode): Verdict;
}

/**
 * Puts graphql-shield in front of every field of a subgraph that asks something of its caller. Deny by default: a field
 * of which the requirement map knows nothing is refused to everybody.
 *
 * Shield's own middleware map is used, without the fields that ask for nothing, because each guarded field costs two
 * promises. Rules stand on object types only; shield ignores them on interfaces. Resolver errors pass through unchanged.
 *
 * Throws a DomainError in the resolver's place: INSUFFICIENT_SCOPE (with `members.scope`) or FORBIDDEN.
 *
 * @see docs/rules.md#least-privilege
 */
export function guardSchema(schema: GraphQLSchema, requirements: RequirementMap, subgraph: SubgraphName): GuardedGraph {
  const rules = buildRules(schema, requirements, subgraph);
  // shield's declared type names the middleware generator without its method; the tests hold it to this shape.
  const generator = shield(rules, {
    fallbackRule: deny,
    fallbackError: new DomainError('FORBIDDEN'),
    // Not for debugging: without it an error that a resolver throws is returned as if it were the field's value.
    debug: true,
    allowExternalErrors: true,
  }) as unknown as { generate(schema: GraphQLSchema): Record<string, FieldMap> };
  const guarded = Object.entries(generator.generate(schema)).flatMap(([type, fields]): [string, FieldMap][] => {
    const kept = Object.entries(fields).filter(([field]) => !isOpen(`${type}.${field}`, requirements));
    return kept.length === 0 ? [] : [[type, Object.fromEntries(kept)]];
  });
  const inFront = Object.fromEntries(guarded);
  const verdictOn = rememberVerdicts();
  return {
    requirements,
    guarded: applyMiddleware(schema, inFront as never),
    bare: schema,
    permits(document) {
      const asked = new Map<string, ShieldMiddleware>();
      for (const coordinate of reachOf(schema, document).coordinates) {
        const [type = '', field = ''] = coordinate.split('.');
        const middleware = inFront[type]?.[field];
        if (middleware !== undefined) asked.set(ruleNameOf(subgraph, find(requirements, coordinate)), middleware);
      }
      return verdictOn(asked);
    },
  };
}

/** What is known by one name is judged alike: a field's place says nothing, what it requires says all. */
function ruleNameOf(subgraph: SubgraphName, requirement: FieldRequirement | undefined): string {
  if (requirement === undefined) return `${subgraph} nobody`;
  return `${subgraph} ${'scopes' in requirement ? JSON.stringify(requirement.scopes) : 'manager'}`;
}

const isOpen = (coordinate: string, requirements: RequirementMap): boolean =>
  ALLOWED_BY_NAME.has(coordinate) || 'public' in (find(requirements, coordinate) ?? {});

/** Only what the map itself holds: a type called `constructor` finds nothing. */
const find = (requirements: RequirementMap, coordinate: string): FieldRequirement | undefined =>
  Object.hasOwn(requirements, coordinate) ? requirements[coordinate] : undefined;

function buildRules(schema: GraphQLSchema, requirements: RequirementMap, subgraph: SubgraphName) {
  // Two rules of one name throw, so fields that ask for the same share one.
  const known = new Map<string, ShieldRule>();
  const tree: Record<string, Record<string, ShieldRule>> = {};
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.keys(type.getFields())) {
      const requirement = find(requirements, `${type.name}.${field}`);
      if (requirement === undefined || 'public' in requirement) continue;
      const name = ruleNameOf(subgraph, requirement);
      const shared = known.get(name) ?? rule(name, { cache: 'no_cache' })(judge(requirement));
      known.set(name, shared);
      tree[type.name] = { ...tree[type.name], [field]: shared };
    }
  }
  return tree;
}

function judge(requirement: FieldRequirement) {
  const asked =
    'scopes' in requirement ? { scopes: requirement.scopes, manager: false } : { scopes: [[]], manager: true };
  return (_parent: unknown, _args: unknown, { caller }: Context): true | DomainError =>
    isAllowed(asked, scopesOf(caller), isManager(caller)) || refusalFor(asked);
}

/**
 * The whole operation is judged before anything runs. For mutations: shield would refuse one field and let its sibling
 * be done. Throws INSUFFICIENT_SCOPE or FORBIDDEN.
 */
export function assertAllowed(
  schema: GraphQLSchema,
  requirements: RequirementMap,
  document: DocumentNode,
  caller: Caller,
): void {
  const requirement = requirementOf(schema, requirements, document);
  if (!isAllowed(requirement, scopesOf(caller), isManager(caller))) throw refusalFor(requirement);
}

/** What a refusal names is what is required, never what is held. */
function refusalFor({ scopes, manager }: { scopes: readonly (readonly Scope[])[]; manager: boolean }): DomainError {
  if (manager) return new DomainError('FORBIDDEN');
  return new DomainError('INSUFFICIENT_SCOPE', { members: { scope: (scopes[0] ?? []).join(' ') } });
}

const scopesOf = (caller: Caller): readonly Scope[] =>
  caller.kind === 'integration' || caller.kind === 'user' ? caller.scopes : [];

const isManager = (caller: Caller): boolean => caller.kind === 'user' && caller.role === 'MANAGER';
