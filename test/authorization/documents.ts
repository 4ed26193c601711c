import { readContract } from '@bridgework/kernel/contract-files';
import { parseRequirements } from '@bridgework/schema';
import { buildASTSchema, type GraphQLSchema, parse, validate } from 'graphql';

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
