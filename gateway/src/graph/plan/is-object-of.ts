import { type GraphQLSchema, isAbstractType, isInterfaceType, isObjectType } from 'graphql';

/** Whether an object, by its `__typename`, is of the type or one of its implementations. */
export function isObjectOf(
  schema: GraphQLSchema,
  object: Readonly<Record<string, unknown>>,
  typeName: string,
): boolean {
  const { __typename: name } = object;
  if (typeof name !== 'string') return false;
  if (name === typeName) return true;
  const [type, wanted] = [schema.getType(name), schema.getType(typeName)];
  return isAbstractType(wanted) && (isObjectType(type) || isInterfaceType(type)) && schema.isSubType(wanted, type);
}
