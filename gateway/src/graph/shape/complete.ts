import {
  GraphQLError,
  type GraphQLOutputType,
  isCompositeType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Below, FieldShape, ObjectShape } from './collect.ts';
import { readLeaf } from './leaf.ts';

export type Path = readonly (string | number)[];

/** A part of the answer for whose absence an error stands already. */
export type Covered = Path;

export interface Completion {
  readonly data: Record<string, unknown> | null;
  /** What is wrong with the data and is not explained by an error that stands already. */
  readonly errors: readonly GraphQLError[];
}

interface Walk {
  readonly covered: readonly Covered[];
  /** Undefined where an error stands already that explains it. */
  readonly reports: (GraphQLError | undefined)[];
  readonly path: (string | number)[];
}

/** A null where none may be: its parent must become null in its place. */
const BROKEN = Symbol('null where none may be');

/**
 * The reference: brings fetched data into the shape of the answer as the specification says, value by value. Wrong
 * values become null and are reported, a null where none may be passes to the nearest parent that may be null.
 *
 * @see GraphQL, 6.4.3 Value Completion and 6.4.4 Handling Field Errors
 */
export function completeData(shape: ObjectShape, data: unknown, covered: readonly Covered[]): Completion {
  const walk: Walk = { covered, reports: [], path: [] };
  const completed = completeObject(walk, shape, data as Record<string, unknown>);
  const errors = walk.reports.filter((one) => one !== undefined);
  return { data: completed === BROKEN ? null : completed, errors };
}

function completeObject(
  walk: Walk,
  { type, fields }: ObjectShape,
  value: Readonly<Record<string, unknown>>,
): Record<string, unknown> | typeof BROKEN {
  const completed: Record<string, unknown> = {};
  for (const field of fields) {
    walk.path.push(field.key);
    const result =
      field.name === '__typename'
        ? completeTypename(walk, type)
        : completeValue(walk, field, field.type, Object.hasOwn(value, field.source) ? value[field.source] : null);
    walk.path.pop();
    if (result === BROKEN) return BROKEN;
    Object.defineProperty(completed, field.key, {
      value: result,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return completed;
}

/** The name of an interface is no answer: what the object is was not told. */
function completeTypename(walk: Walk, type: ObjectShape['type']): string | typeof BROKEN {
  if (isObjectType(type)) return type.name;
  report(walk, `It is not known which ${type.name} this is.`);
  return BROKEN;
}

function completeValue(walk: Walk, field: FieldShape, type: GraphQLOutputType, value: unknown): unknown {
  if (isNonNullType(type)) {
    const before = walk.reports.length;
    const completed = completeValue(walk, field, type.ofType, value);
    if (completed !== null) return completed;
    if (walk.reports.length === before) report(walk, `A null came for ${field.name}, which is never null.`);
    return BROKEN;
  }
  if (value === null || value === undefined) return null;
  if (isListType(type)) return completeList(walk, field, type.ofType, value);
  if (isCompositeType(type)) return field.below === undefined ? null : completeComposite(walk, field.below, value);
  const leaf = readLeaf(type, value);
  if (leaf !== undefined) return leaf;
  report(walk, `A value came for ${field.name} that is no ${type.name}.`);
  return null;
}

function completeList(walk: Walk, field: FieldShape, itemType: GraphQLOutputType, value: unknown): unknown[] | null {
  if (!Array.isArray(value)) {
    report(walk, `No list came for ${field.name}.`);
    return null;
  }
  let isBroken = false;
  const completed = value.map((item: unknown, index) => {
    walk.path.push(index);
    const result = completeValue(walk, field, itemType, item);
    walk.path.pop();
    isBroken ||= result === BROKEN;
    return result;
  });
  return isBroken ? null : completed;
}

function completeComposite(walk: Walk, below: Below, value: unknown): Record<string, unknown> | null {
  if (typeof value !== 'object' || Array.isArray(value)) {
    report(walk, `No object came for a ${below.declared.name}.`);
    return null;
  }
  const source = value as Readonly<Record<string, unknown>>;
  const shape = below.shapeOf(typeNameOf(source, below));
  if (shape === undefined) {
    // The name may be that of a type which is not for callers: it is not repeated.
    report(walk, `An object came for a ${below.declared.name} that is none.`);
    return null;
  }
  const completed = completeObject(walk, shape, source);
  return completed === BROKEN ? null : completed;
}

function typeNameOf(source: Readonly<Record<string, unknown>>, { declared }: Below): string {
  const name = Object.hasOwn(source, '__typename') ? source.__typename : undefined;
  return typeof name === 'string' ? name : declared.name;
}

/** One cause is reported once: where a fetch failed or a subgraph reported an error, its holes are explained. */
function report(walk: Walk, message: string): void {
  const path = [...walk.path];
  const isExplained = walk.covered.some((covered) => isRelated(covered, path));
  walk.reports.push(
    isExplained ? undefined : new GraphQLError(message, { path, extensions: { code: 'INVALID_GRAPHQL' } }),
  );
}

/** The error lies at the place, above it, or below it, from where the null has come. */
function isRelated(covered: Covered, path: Path): boolean {
  const shared = Math.min(covered.length, path.length);
  for (let at = 0; at < shared; at += 1) if (covered[at] !== path[at]) return false;
  return true;
}
