import { isEventType, isScope } from '@bridgework/schema';
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { GraphQLDate, GraphQLDateTime, GraphQLSafeInt } from 'graphql-scalars';

/** The scalars of every subgraph; a subgraph's own resolvers need not name them. */
export const scalars: Readonly<Record<string, GraphQLScalarType>> = {
  DateTime: GraphQLDateTime,
  Date: GraphQLDate,
  SafeInt: GraphQLSafeInt,
  Scope: namesOf('Scope', isScope),
  EventType: namesOf('EventType', isEventType),
};

/** A closed set of names that no GraphQL enum can spell, because they hold colons and dots. */
function namesOf(name: string, isKnown: (text: string) => boolean): GraphQLScalarType {
  const read = (value: unknown): string => {
    if (typeof value === 'string' && isKnown(value)) return value;
    throw new GraphQLError(`The value is no ${name}.`);
  };
  return new GraphQLScalarType<string, string>({
    name,
    serialize: read,
    parseValue: read,
    parseLiteral: (node) => read(node.kind === Kind.STRING ? node.value : undefined),
  });
}
