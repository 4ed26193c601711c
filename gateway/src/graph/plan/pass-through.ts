import { isUtf8 } from 'node:buffer';
import type { QueryPlan } from '@apollo/query-planner';
import { type GraphQLSchema, parse } from 'graphql';
import { NO_TRUTHS } from '../conditions.ts';
import { type ObjectShape, shapeOfOperation } from '../shape/collect.ts';
import { compileScanner } from '../shape/compile-scanner.ts';

/** Whether a subgraph's answer is, byte for byte, the answer that its data would be printed as. */
export type PassesThrough = (answer: Buffer) => boolean;

/**
 * For a document that one fetch answers, which asks for the same in the same order; undefined for every other. Every
 * byte is held against the graph, so nothing can hide in the answer, behind a key given twice for instance.
 */
export function compilePassThrough(
  schema: GraphQLSchema,
  shape: ObjectShape,
  plans: readonly QueryPlan[],
): PassesThrough | undefined {
  const [plan, ...others] = plans;
  const fetch = plan?.node;
  if (others.length > 0 || fetch?.kind !== 'Fetch' || fetch.outputRewrites !== undefined) return undefined;
  // First: it knows where a shape is too large to be gone through at all.
  const scanner = compileScanner(shape);
  if (scanner === undefined || !isSame(shape, fetchedShape(schema, fetch.operation))) return undefined;
  return (answer) => scanner(answer) && isUtf8(answer);
}

/** Undefined for a fetch of what callers do not see. */
function fetchedShape(schema: GraphQLSchema, operation: string): ObjectShape | undefined {
  try {
    return shapeOfOperation(schema, parse(operation, { noLocation: true }), NO_TRUTHS);
  } catch {
    return undefined;
  }
}

function isSame(one: ObjectShape, other: ObjectShape | undefined): boolean {
  if (other === undefined || one.type !== other.type || one.fields.length !== other.fields.length) return false;
  return one.fields.every(({ key, source, name, below }, index) => {
    const field = other.fields[index];
    if (field?.key !== key || source !== key || field.name !== name) return false;
    const possible = below?.possible ?? [];
    return possible.every((type) => isSameOrNone(below?.shapeOf(type), field.below?.shapeOf(type)));
  });
}

const isSameOrNone = (one: ObjectShape | undefined, other: ObjectShape | undefined): boolean =>
  one === undefined ? other === undefined : isSame(one, other);
