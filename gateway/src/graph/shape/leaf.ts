import { type GraphQLEnumType, type GraphQLScalarType, isEnumType, isSpecifiedScalarType } from 'graphql';

/** How a leaf is held against its type. A scalar of the graph's own may be any JSON. */
export type LeafKind = 'String' | 'ID' | 'Int' | 'Float' | 'Boolean' | 'enum' | 'any';

export function leafKindOf(type: GraphQLScalarType | GraphQLEnumType): LeafKind {
  if (isEnumType(type)) return 'enum';
  return isSpecifiedScalarType(type) ? (type.name as LeafKind) : 'any';
}

/** What may stand in the answer for a subgraph's value; undefined when the value is not of the type. */
export function readLeaf(type: GraphQLScalarType | GraphQLEnumType, value: unknown): unknown {
  switch (leafKindOf(type)) {
    case 'String':
      return typeof value === 'string' ? value : undefined;
    case 'ID':
      // An id is written as a string, however a subgraph writes it. @see GraphQL, 3.5.5
      return Number.isInteger(value) ? String(value) : typeof value === 'string' ? value : undefined;
    case 'Int':
      return typeof value === 'number' && (value | 0) === value ? value : undefined;
    case 'Float':
      return Number.isFinite(value) ? value : undefined;
    case 'Boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'enum':
      return typeof value === 'string' && isEnumType(type) && type.getValue(value) ? value : undefined;
    case 'any':
      return value;
  }
}
