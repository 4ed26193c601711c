import {
  GraphQLError,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isCompositeType,
  isEnumType,
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

export interface CompletionOptions {
  readonly shape: ObjectShape;
  /** The whole graph: what it knows and callers do not is no fault of a subgraph. */
  readonly supergraph: GraphQLSchema;
  readonly covered: readonly Covered[];
}

interface Walk extends CompletionOptions {
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
export function completeData(options: CompletionOptions, data: unknown): Completion {
  const walk: Walk = { ...options, reports: [], path: [] };
  const completed = completeObject(walk, options.shape, data as Record<string, unknown>);
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
  if (isHiddenValue(walk.supergraph, type, value)) return null;
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
  const typeName = typeNameOf(source, below);
  const shape = below.shapeOf(typeName);
  if (shape === undefined) {
    if (isHiddenType(walk.supergraph, typeName, below)) return null;
    report(walk, `An object came for a ${below.declared.name} that is none.`);
    return null;
  }
  const completed = completeObject(walk, shape, source);
  return completed === BROKEN ? null : completed;
}

/** A value that the graph has and callers may not know (`@inaccessible`) is null to them, and nobody's fault. */
function isHiddenValue(supergraph: GraphQLSchema, { name }: { readonly name: string }, value: unknown): boolean {
  const type = supergraph.getType(name);
  return isEnumType(type) && typeof value === 'string' && type.getValue(value) !== undefined;
}

function isHiddenType(supergraph: GraphQLSchema, typeName: string, { declared }: Below): boolean {
  const [type, wanted] = [supergraph.getType(typeName), supergraph.getType(declared.name)];
  return isObjectType(type) && isAbstractType(wanted) && supergraph.isSubType(wanted, type);
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
