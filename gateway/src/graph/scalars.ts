import { isEventType, isScope } from '@bridgework/schema';
import { GraphQLError, type GraphQLSchema, isScalarType, Kind, type ValueNode } from 'graphql';
import { GraphQLDate, GraphQLDateTime, GraphQLSafeInt } from 'graphql-scalars';

interface ReadsInput {
  readonly parseValue: (value: unknown) => unknown;
  readonly parseLiteral: (node: ValueNode) => unknown;
}

/** As the subgraphs read them, so that a value which does not fit is refused here and not as a fault between us. */
const SCALARS: Readonly<Record<string, ReadsInput>> = {
  DateTime: GraphQLDateTime,
  Date: GraphQLDate,
  SafeInt: GraphQLSafeInt,
  Scope: namesOf('Scope', isScope),
  EventType: namesOf('EventType', isEventType),
};

/** The composed schema knows the scalars by name alone and would take anything for them. */
export function teachScalars(schema: GraphQLSchema): void {
  for (const [name, scalar] of Object.entries(SCALARS)) {
    const type = schema.getType(name);
    if (!isScalarType(type)) continue;
    type.parseValue = (value) => scalar.parseValue(value);
    type.parseLiteral = (node) => scalar.parseLiteral(node);
  }
}

function namesOf(name: string, isKnown: (text: string) => boolean): ReadsInput {
  const read = (value: unknown): string => {
    if (typeof value === 'string' && isKnown(value)) return value;
    throw new GraphQLError(`The value is no ${name}.`);
  };
  return { parseValue: read, parseLiteral: (node) => read(node.kind === Kind.STRING ? node.value : undefined) };
}
