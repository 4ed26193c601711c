import { buildSubgraphSchema } from '@apollo/subgraph';
import { type GuardedGraph, guardSchema } from '@bridgework/kernel/scope-rules';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import type { RequirementMap } from '@bridgework/schema';
import { type DocumentNode, type GraphQLSchema, isObjectType, Kind } from 'graphql';
import { resolveEntities } from './resolve-entities.ts';
import { scalars } from './scalars.ts';

/**
 * The executable, guarded schema of one subgraph. Throws when resolvers and SDL do not fit each other: @apollo/subgraph
 * would ignore a resolver of a misspelt field, and answer for an entity without a loader whatever it was asked for.
 */
export function buildSchema(
  { name, resolvers }: Subgraph,
  typeDefs: DocumentNode,
  requirements: RequirementMap,
): GuardedGraph {
  const declared = typeDefs.definitions.flatMap((type) =>
    type.kind === Kind.SCALAR_TYPE_DEFINITION ? [type.name.value] : [],
  );
  const used = Object.entries(scalars).filter(([scalar]) => declared.includes(scalar));
  const schema = buildSubgraphSchema({ typeDefs, resolvers: { ...Object.fromEntries(used), ...resolvers } as never });
  const faults = [...findStrayResolvers(schema, resolvers), ...findMissingResolvers(schema, typeDefs, resolvers)];
  if (faults.length > 0) throw new Error(`The resolvers of ${name} do not fit its SDL: ${faults.join(', ')}.`);
  resolveEntities(schema, resolvers);
  return guardSchema(schema, requirements, name);
}

function findStrayResolvers(schema: GraphQLSchema, resolvers: Subgraph['resolvers']): string[] {
  return Object.entries(resolvers).flatMap(([name, fields]) => {
    const type = schema.getType(name);
    if (type === undefined) return [`${name} is unknown`];
    if (!isObjectType(type)) return [];
    const known = type.getFields();
    return Object.keys(fields)
      .filter((field) => !field.startsWith('__') && !Object.hasOwn(known, field))
      .map((field) => `${name}.${field} is unknown`);
  });
}

/** Root fields have nothing to fall back on; an entity that can be asked for needs a loader. */
function findMissingResolvers(
  schema: GraphQLSchema,
  typeDefs: DocumentNode,
  resolvers: Subgraph['resolvers'],
): string[] {
  const has = (type: string, field: string) => Object.hasOwn(resolvers[type] ?? {}, field);
  const roots = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
    Object.keys(type?.getFields() ?? {})
      .filter((field) => !field.startsWith('_') && !has(type?.name ?? '', field))
      .map((field) => `${type?.name}.${field} is missing`),
  );
  const entities = typeDefs.definitions.flatMap((type) => {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION) return [];
    const isEntity = (type.directives ?? []).some(({ name, arguments: given }) => {
      const resolvable = given?.find((one) => one.name.value === 'resolvable')?.value;
      return name.value === 'key' && !(resolvable?.kind === Kind.BOOLEAN && !resolvable.value);
    });
    return isEntity && !has(type.name.value, '__resolveReference')
      ? [`${type.name.value}.__resolveReference is missing`]
      : [];
  });
  return [...roots, ...entities];
}
