/**
 * Checks the documents that the product registers for its own clients: each file holds one named operation that is valid
 * against the graph partners see, within the limits, and asks for something that is known. Those of the REST API end in the major version they serve.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Supergraph } from '@apollo/federation-internals';
import { type GraphQLSchema, Kind, parse, validate } from 'graphql';
import { requirementOf } from '../src/authorization/analyse-document.ts';
import { DOCUMENT_LIMITS, findExcess, measureDocument } from '../src/authorization/measure-document.ts';
import { parseRequirements, type RequirementMap } from '../src/authorization/requirements.ts';

const root = join(import.meta.dirname, '..');

export function findDocumentFaults(
  graph: { readonly schema: GraphQLSchema; readonly requirements: RequirementMap },
  client: string,
  text: string,
): string[] {
  const document = parse(text);
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const name = operations[0]?.name?.value;
  if (operations.length !== 1 || name === undefined) return ['holds one named operation and no more'];
  if (client === 'rest-v1' && !/V[12]$/.test(name)) return [`names its operation ${name}, which ends in no version`];
  const faults = validate(graph.schema, document).map(({ message }) => message);
  if (faults.length > 0) return faults;
  const { manager } = requirementOf(graph.schema, graph.requirements, document);
  return [
    ...findExcess(measureDocument(document), DOCUMENT_LIMITS),
    ...(client === 'rest-v1' && manager ? ['asks for what only managers may read'] : []),
  ];
}

function main(): void {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const graph = {
    schema: Supergraph.build(read('supergraph.graphql')).apiSchema().toGraphQLJSSchema(),
    requirements: parseRequirements(read('generated/requirements.json')),
  };
  const files = readdirSync(join(root, 'operations'), { recursive: true, encoding: 'utf8' });
  const faults = files
    .filter((file) => file.endsWith('.graphql'))
    .flatMap((file) =>
      findDocumentFaults(graph, file.split(/[\\/]/)[0] ?? '', read(join('operations', file))).map(
        (fault) => `schema/operations/${file}: ${fault}`,
      ),
    );
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) main();
