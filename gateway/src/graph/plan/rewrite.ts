import type { FetchDataRewrite } from '@apollo/query-planner';
import type { GraphQLSchema } from 'graphql';
import { isObjectOf } from './is-object-of.ts';
import { setKey } from './merge.ts';

type Tree = Record<string, unknown>;
const FRAGMENT = '... on ';

/**
 * What the planner wants changed in a fetch's input or output: a value set (the type name that the other subgraph knows)
 * or a key renamed (an alias that it had to invent). Changes `value` in place.
 */
export function rewrite(schema: GraphQLSchema, rewrites: readonly FetchDataRewrite[], value: unknown): void {
  for (const one of rewrites) {
    const key = one.path.at(-1);
    if (key === undefined || key.startsWith(FRAGMENT)) continue;
    atPath(schema, one.path.slice(0, -1), value, (object) => {
      if (one.kind === 'ValueSetter') setKey(object, key, one.setValueTo);
      else if (Object.hasOwn(object, key)) {
        const moved = object[key];
        delete object[key];
        setKey(object, one.renameKeyTo, moved);
      }
    });
  }
}

function atPath(schema: GraphQLSchema, path: readonly string[], value: unknown, change: (object: Tree) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) atPath(schema, path, item, change);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const object = value as Tree;
  const [step, ...rest] = path;
  if (step === undefined) change(object);
  else if (!step.startsWith(FRAGMENT)) {
    if (Object.hasOwn(object, step)) atPath(schema, rest, object[step], change);
  } else if (object.__typename === undefined || isObjectOf(schema, object, step.slice(FRAGMENT.length))) {
    atPath(schema, rest, value, change);
  }
}
