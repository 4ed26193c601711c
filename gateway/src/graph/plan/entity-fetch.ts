import type { FetchNode, QueryPlanSelectionNode } from '@apollo/query-planner';
import { type GraphQLSchema, isObjectType } from 'graphql';
import type { Path } from '../shape/complete.ts';
import { type FetchAnswer, pathIn, readAnswer, relocate } from './fetch-answer.ts';
import { compileBody } from './fetch-body.ts';
import { type FlatPath, locate, locatePaths } from './locate.ts';
import { mergeInto } from './merge.ts';
import type { PlanParts, PlanRun, Step } from './plan-run.ts';
import { compileRepresent, type Represent } from './represent.ts';
import { rewrite } from './rewrite.ts';
import { topKeysOf } from './top-keys.ts';

type Tree = Record<string, unknown>;

/** The entities at a path, each distinct one asked for once. */
interface Asked {
  readonly representations: readonly string[];
  readonly entities: readonly Tree[];
  /** For each entity the index of its representation; -1 for one that lacks something and is not asked for. */
  readonly indexes: readonly number[];
}

/** A fetch of fields of entities that are in the data already. */
export function compileEntityFetch(
  { supergraph, callOf }: PlanParts,
  fetch: FetchNode,
  requires: readonly QueryPlanSelectionNode[],
  path: FlatPath,
): Step {
  const { serviceName, outputRewrites } = fetch;
  const call = callOf(serviceName);
  const writeBody = compileBody(fetch);
  const representOf = compileRepresent(supergraph, requires, fetch.inputRewrites);
  const keys = topKeysOf(fetch);

  const take = (run: PlanRun, asked: Asked, { data, errors }: FetchAnswer): void => {
    if (data !== undefined) {
      const received = entitiesIn(data, asked.representations.length);
      if (outputRewrites !== undefined) rewrite(supergraph, outputRewrites, received);
      for (const [position, entity] of asked.entities.entries())
        join(supergraph, entity, received[asked.indexes[position] ?? -1]);
    }
    if (errors.length > 0) noteErrors(run, asked, errors);
  };

  const noteErrors = (run: PlanRun, asked: Asked, errors: FetchAnswer['errors']): void => {
    const places = locatePaths(run.data, path);
    for (const error of errors) {
      const [first, index, ...rest] = pathIn(error) ?? [];
      if (first !== '_entities' || typeof index !== 'number') {
        run.errors.push(relocate(error, serviceName, undefined));
        cover(run, asked);
        continue;
      }
      for (const [position, place] of places.entries()) {
        if (asked.indexes[position] !== index) continue;
        const whole = [...place, ...rest];
        run.errors.push(relocate(error, serviceName, whole));
        // The entity itself could not be had: then all of its keys are missing.
        for (const covered of rest.length > 0 ? [whole] : below(place)) run.covered.push(covered);
      }
    }
  };

  const cover = (run: PlanRun, asked: Asked): void => {
    for (const [position, place] of locatePaths(run.data, path).entries()) {
      if (asked.indexes[position] !== -1) run.covered.push(...below(place));
    }
  };
  const below = (place: Path): Path[] => keys.map((key) => [...place, key]);

  /** Entities that lack what this fetch needs of them, because an earlier one failed. */
  const coverSkipped = (run: PlanRun, { indexes }: Asked): void => {
    if (run.errors.length === 0 || !indexes.includes(-1)) return;
    for (const [position, place] of locatePaths(run.data, path).entries()) {
      if (indexes[position] === -1) run.covered.push(...below(place));
    }
  };

  return async (run) => {
    const asked = ask(representOf, locate(run.data, path));
    coverSkipped(run, asked);
    if (asked.representations.length === 0) return;
    try {
      const body = writeBody(run.variables, asked.representations);
      take(run, asked, readAnswer(await call({ use: 'query', body }, run.scope)));
    } catch (error) {
      run.errors.push(error);
      cover(run, asked);
    }
  };
}

function ask(representOf: (typeName: string) => Represent, entities: readonly Tree[]): Asked {
  const representations: string[] = [];
  const byKey = new Map<string, Map<string, number>>();
  const byText = new Map<string, number>();
  /** By its key where that tells it from others, which spares writing and comparing the whole. */
  const indexOf = (entity: Tree): number => {
    const { __typename: typeName } = entity;
    if (typeof typeName !== 'string') return -1;
    const { write, onlyKey } = representOf(typeName);
    const key = onlyKey !== undefined && Object.hasOwn(entity, onlyKey) ? entity[onlyKey] : undefined;
    const known = typeof key === 'string' ? mapIn(byKey, typeName) : byText;
    const identity = typeof key === 'string' ? key : write(entity);
    if (identity === undefined) return -1;
    let index = known.get(identity);
    if (index === undefined) {
      index = representations.push(known === byText ? identity : (write(entity) ?? '')) - 1;
      known.set(identity, index);
    }
    return index;
  };
  return { entities, indexes: entities.map(indexOf), representations };
}

function mapIn(maps: Map<string, Map<string, number>>, name: string): Map<string, number> {
  const known = maps.get(name) ?? new Map<string, number>();
  maps.set(name, known);
  return known;
}

function entitiesIn({ _entities: entities }: Tree, expected: number): readonly unknown[] {
  if (Array.isArray(entities) && entities.length === expected) return entities;
  throw new Error(`The subgraph did not answer with ${expected} entities.`);
}

/**
 * Merges what was received. A subgraph to which an interface is an object (`@interfaceObject`) calls the entity by the
 * interface's name; what it is has been told by another, and stands.
 */
function join(supergraph: GraphQLSchema, entity: Tree, received: unknown): void {
  if (typeof received !== 'object' || received === null || Array.isArray(received)) return;
  const tree = received as Tree;
  if (tree.__typename !== undefined && !isObjectType(supergraph.getType(String(tree.__typename)))) {
    tree.__typename = entity.__typename;
  }
  mergeInto(entity, tree);
}
