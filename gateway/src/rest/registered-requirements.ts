import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { contractPath, readContract } from '@bridgework/kernel/contract-files';
import { type DocumentRequirement, parseRequirements, requirementOf } from '@bridgework/schema';
import { buildASTSchema, Kind, parse } from 'graphql';
import type { RequirementOf } from './openapi.ts';

const FOLDER = 'operations/rest-v1';

/** Reads the registered documents of REST v1 and says what each asks of its caller. */
export function readRegisteredRequirements(): RequirementOf {
  const schema = buildASTSchema(parse(readContract('supergraph.graphql')), { assumeValidSDL: true });
  const requirements = parseRequirements(readContract('generated/requirements.json'));
  const byName = new Map<string, DocumentRequirement>();
  for (const file of readdirSync(dirname(contractPath(`${FOLDER}/me.graphql`)))) {
    const document = parse(readContract(`${FOLDER}/${file}`));
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION || definition.name === undefined) continue;
      byName.set(definition.name.value, requirementOf(schema, requirements, document));
    }
  }
  return (operation) => {
    const requirement = byName.get(operation);
    if (requirement === undefined) throw new Error(`No document in schema/${FOLDER} is called ${operation}.`);
    return requirement;
  };
}
