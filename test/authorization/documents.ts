import { readContract } from '@bridgework/kernel/contract-files';
import { parseRequirements } from '@bridgework/schema';
import {
  buildASTSchema,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isLeafType,
  isNonNullType,
  parse,
  validate,
} from 'graphql';

export const requirements = parseRequirements(readContract('generated/requirements.json'));
export const supergraph = parse(readContract('supergraph.graphql'));

/** Close enough to the API schema to read documents with: directives and federation's own types stay in it. */
export const schema: GraphQLSchema = buildASTSchema(supergraph, { assumeValid: true });

export function readDocument(text: string) {
  const document = parse(text);
  const faults = validate(schema, document);
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join('\n'));
  return document;
}

/** Required arguments with a value of their type; undefined when one is an input object. */
export function argumentsOf(field: GraphQLField<unknown, unknown>): string | undefined {
  const required = field.args.filter(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined);
  const given = required.map(({ name, type }) => {
    const named = getNamedType(type);
    if (isEnumType(named)) return `${name}: ${named.getValues()[0]?.name}`;
    return isLeafType(named) ? `${name}: ${named.name === 'Int' ? '1' : '"x"'}` : undefined;
  });
  if (given.includes(undefined)) return undefined;
  return given.length === 0 ? '' : `(${given.join(', ')})`;
}
