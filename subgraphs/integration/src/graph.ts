import { readContract } from '@bridgework/kernel/contract-files';
import { type Graph, parseRequirements, readGraph } from '@bridgework/schema';

let loaded: Graph | undefined;

/** The committed supergraph and what its fields ask for; read once, they belong to the build. */
export function currentGraph(): Graph {
  loaded ??= readGraph(
    readContract('supergraph.graphql'),
    parseRequirements(readContract('generated/requirements.json')),
  );
  return loaded;
}
