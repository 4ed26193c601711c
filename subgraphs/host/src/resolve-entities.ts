import type { Context } from '@bridgework/kernel/context';
import type { Resolvers } from '@bridgework/kernel/subgraph';
import { type GraphQLSchema, isAbstractType } from 'graphql';

interface Reference {
  readonly __typename: string;
}
type LoadEntity = (reference: Reference, ctx: Context) => unknown;

/**
 * Answers `_entities` as @apollo/subgraph does, but that an entity which fails is an error in its own place. There it
 * would end all others, or stay a rejected promise inside a list: nobody might catch that one, and a compiled query would
 * put what follows at the wrong place.
 *
 * The type of a value is told by its `__typename` alone, without throwing: a compiled query that meets an exception
 * there would never end.
 */
export function resolveEntities(schema: GraphQLSchema, resolvers: Resolvers): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isAbstractType(type)) type.resolveType = typenameOf;
  }
  const entities = schema.getQueryType()?.getFields()._entities;
  if (entities === undefined) return;
  const loaders = new Map(
    Object.entries(resolvers).flatMap(([type, fields]): [string, LoadEntity][] =>
      '__resolveReference' in fields ? [[type, fields.__resolveReference as LoadEntity]] : [],
    ),
  );
  entities.resolve = (_source, { representations }: { representations: readonly Reference[] }, ctx: Context) => {
    const unknown = representations.find(({ __typename }) => !loaders.has(__typename));
    if (unknown !== undefined) throw new Error(`${unknown.__typename} is no entity of this subgraph.`);
    const loaded = representations.map((reference) => load(loaders.get(reference.__typename), reference, ctx));
    return loaded.some(isPromise) ? Promise.all(loaded) : loaded;
  };
}

/** The entity or what went wrong; never throws and never rejects. */
function load(loadEntity: LoadEntity | undefined, reference: Reference, ctx: Context): unknown {
  try {
    const entity = loadEntity?.(reference, ctx);
    if (!isPromise(entity)) return named(entity, reference.__typename);
    return entity.then((loaded) => named(loaded, reference.__typename)).catch(toError);
  } catch (error) {
    return toError(error);
  }
}

const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise;

const toError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error('An entity could not be loaded.', { cause: thrown });

/** The same row may be asked for twice, hence be named already. */
function named(entity: unknown, type: string): unknown {
  if (typeof entity !== 'object' || entity === null || entity instanceof Error) return entity;
  if ('__typename' in entity) return entity.__typename === type ? entity : { ...entity, __typename: type };
  return Object.defineProperty(entity, '__typename', { value: type });
}

function typenameOf(value: unknown): string | undefined {
  const type = typeof value === 'object' && value !== null && '__typename' in value ? value.__typename : undefined;
  return typeof type === 'string' ? type : undefined;
}
