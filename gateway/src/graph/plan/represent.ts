import type { FetchDataRewrite, QueryPlanSelectionNode } from '@apollo/query-planner';
import type { GraphQLSchema } from 'graphql';
import { quote } from '../shape/quote.ts';
import { isObjectOf } from './is-object-of.ts';
import { mergeInto } from './merge.ts';
import { rewrite } from './rewrite.ts';

type Tree = Record<string, unknown>;

/** How entities of one type are told to a subgraph. */
export interface Represent {
  /** The JSON by which it finds an entity, or undefined when the entity lacks something of it. */
  write(entity: Tree): string | undefined;
  /** The one field, always a string where it is known, by which alone such entities are told apart; undefined for others. */
  readonly onlyKey: string | undefined;
}

/** Writes a part of a representation; undefined when something that it needs was not fetched. */
type Write = (source: Tree) => string | undefined;

/**
 * Compiles what a fetch requires of its entities. Per type name it is known once which of the fragments apply, so most
 * representations are a few strings joined.
 */
export function compileRepresent(
  schema: GraphQLSchema,
  requires: readonly QueryPlanSelectionNode[],
  rewrites: readonly FetchDataRewrite[] | undefined,
): (typeName: string) => Represent {
  const byType = new Map<string, Represent>();
  return (typeName) => {
    let represent = byType.get(typeName);
    if (represent === undefined) {
      represent = representOf(schema, requires, rewrites, typeName);
      byType.set(typeName, represent);
    }
    return represent;
  };
}

function representOf(
  schema: GraphQLSchema,
  requires: readonly QueryPlanSelectionNode[],
  rewrites: readonly FetchDataRewrite[] | undefined,
  typeName: string,
): Represent {
  const object = { __typename: typeName };
  const selected = requires.flatMap((one) =>
    one.kind === 'InlineFragment' && (one.typeCondition === undefined || isObjectOf(schema, object, one.typeCondition))
      ? [one.selections]
      : [],
  );
  const writes = selected.map((selections) => compileSelections(schema, selections));
  const [only, ...others] = writes;
  if (only === undefined) return { write: () => undefined, onlyKey: undefined };
  const needsMore = others.length > 0 || (rewrites !== undefined && rewrites.length > 0);
  return needsMore
    ? { write: (entity) => join(schema, writes, rewrites ?? [], entity), onlyKey: undefined }
    : { write: only, onlyKey: onlyKeyIn(selected[0] ?? []) };
}

/** Its value is shorter to compare than the whole representation. */
function onlyKeyIn(selections: readonly QueryPlanSelectionNode[]): string | undefined {
  const [key, ...others] = selections.filter((one) => one.kind !== 'Field' || one.name !== '__typename');
  const isLeaf = key?.kind === 'Field' && (key.selections ?? []).length === 0;
  return isLeaf && others.length === 0 ? (key.alias ?? key.name) : undefined;
}

/** Several fragments for one entity (its keys, and what `@requires` asks for) are one representation. */
function join(
  schema: GraphQLSchema,
  writes: readonly Write[],
  rewrites: readonly FetchDataRewrite[],
  entity: Tree,
): string | undefined {
  const joined: Tree = {};
  for (const write of writes) {
    const part = write(entity);
    if (part !== undefined) mergeInto(joined, JSON.parse(part) as Tree);
  }
  if (joined.__typename === undefined) return undefined;
  rewrite(schema, rewrites, joined);
  return JSON.stringify(joined);
}

function compileSelections(schema: GraphQLSchema, selections: readonly QueryPlanSelectionNode[]): Write {
  const fields = selections.flatMap((one) => (one.kind === 'Field' ? [compileField(schema, one)] : []));
  const fragments = selections.flatMap((one) =>
    one.kind === 'InlineFragment' ? [{ on: one.typeCondition, write: compileSelections(schema, one.selections) }] : [],
  );
  const writeFields: Write = (source) => {
    let text = '';
    for (const field of fields) {
      const part = field(source);
      if (part === undefined) return undefined;
      text += text === '' ? part : `,${part}`;
    }
    return `{${text}}`;
  };
  if (fragments.length === 0) return writeFields;
  return (source) => {
    const own = writeFields(source);
    if (own === undefined) return undefined;
    const joined = JSON.parse(own) as Tree;
    for (const { on, write } of fragments) {
      if (on !== undefined && !isObjectOf(schema, source, on)) continue;
      const part = write(source);
      if (part === undefined) return undefined;
      mergeInto(joined, JSON.parse(part) as Tree);
    }
    return JSON.stringify(joined);
  };
}

type FieldNode = Extract<QueryPlanSelectionNode, { kind: 'Field' }>;

function compileField(schema: GraphQLSchema, { alias, name, selections }: FieldNode): Write {
  const key = alias ?? name;
  const before = `${JSON.stringify(key)}:`;
  const below = selections === undefined || selections.length === 0 ? writeLeaf : compileSelections(schema, selections);
  return (source) => {
    if (!Object.hasOwn(source, key)) return undefined;
    const part = writeAny(source[key], below as Write);
    return part === undefined ? undefined : before + part;
  };
}

const writeLeaf = (value: unknown): string => (typeof value === 'string' ? quote(value) : JSON.stringify(value));

function writeAny(value: unknown, below: Write): string | undefined {
  if (value === null) return 'null';
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return below(value as Tree);
  const parts = value.map((item: unknown) => writeAny(item, below));
  return parts.includes(undefined) ? undefined : `[${parts.join(',')}]`;
}
