import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { contractPath, readContract } from '@bridgework/kernel/contract-files';
import { type DocumentRequirement, parseRequirements, requirementOf } from '@bridgework/schema';
import { buildASTSchema, type DocumentNode, Kind, parse } from 'graphql';

const FOLDER = 'operations/rest-v1';

export interface RegisteredDocument {
  readonly document: DocumentNode;
  readonly requirement: DocumentRequirement;
}

/** The documents of REST v1 by their operation's name, with what each asks of its caller. */
export function readRegisteredDocuments(): ReadonlyMap<string, RegisteredDocument> {
  const schema = buildASTSchema(parse(readContract('supergraph.graphql')), { assumeValidSDL: true });
  const requirements = parseRequirements(readContract('generated/requirements.json'));
  const byName = new Map<string, RegisteredDocument>();
  for (const file of readdirSync(dirname(contractPath(`${FOLDER}/me.graphql`)))) {
    const document = parse(readContract(`${FOLDER}/${file}`));
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION || definition.name === undefined) continue;
      byName.set(definition.name.value, { document, requirement: requirementOf(schema, requirements, document) });
    }
  }
  return byName;
}
