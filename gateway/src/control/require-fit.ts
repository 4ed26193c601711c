import type { Logger } from '@bridgework/kernel/logger';
import { type DocumentContracts, findBreaks, type Graph } from '@bridgework/schema';
import type { Registry } from './registry.ts';
import type { RegistryClient } from './registry-client.ts';

export interface FitOptions {
  readonly registry: Pick<Registry, 'current' | 'state'>;
  readonly client: Pick<RegistryClient, 'contracts' | 'broken'>;
  readonly graph: Graph;
  /** Go on without the documents that this graph breaks, and say so to the managers. */
  readonly acceptBroken: boolean;
  readonly log: Logger;
}

const IDS_PER_REQUEST = 500;

/** The graph that this gateway was to be started with breaks documents that partners use. */
export class BrokenDocumentsError extends Error {
  constructor(sentences: readonly string[]) {
    super(
      [
        `This build breaks ${sentences.length} documents that partners use, so the gateway does not start:`,
        ...sentences.map((sentence) => `  - ${sentence}`),
        'Change the graph, have new documents approved, or start with ACCEPT_BROKEN_DOCUMENTS=true to go on without them.',
      ].join('\n'),
    );
    this.name = 'BrokenDocumentsError';
  }
}

/**
 * Holds every callable document against this gateway's graph, as it was approved against an earlier one. Throws a
 * {@link BrokenDocumentsError} that names integration, owner, last use and reasons, unless those are accepted: then they
 * become BROKEN. While the registry is away nothing is decided: a gateway that starts then serves what it served before.
 */
export async function requireFit(options: FitOptions): Promise<void> {
  const broken = findBroken(options.graph, await readContracts(options));
  if (broken.length === 0) return;
  const sentences = broken.map(describe);
  if (!options.acceptBroken) throw new BrokenDocumentsError(sentences);
  for (const sentence of sentences) options.log.warn({ document: sentence }, 'document.broken');
  for (let from = 0; from < broken.length; from += IDS_PER_REQUEST) {
    await options.client.broken(
      broken.slice(from, from + IDS_PER_REQUEST).map(({ contract, reasons }) => ({
        document_id: contract.document_id,
        integration_id: contract.integration_id,
        reasons: reasons.slice(0, 50).map((reason) => reason.slice(0, 2_000)),
      })),
    );
  }
}

type Contract = DocumentContracts['contracts'][number];

async function readContracts({ registry, client, log }: FitOptions): Promise<readonly Contract[]> {
  const documents = registry.state() === 'live' ? [...(registry.current()?.documents.values() ?? [])] : [];
  const callable = documents.flatMap((namespace) => [...namespace.values()]).filter(({ kind }) => kind !== 'retired');
  const ids = [...new Set(callable.map(({ id }) => id))];
  try {
    const contracts: Contract[] = [];
    for (let from = 0; from < ids.length; from += IDS_PER_REQUEST) {
      contracts.push(...(await client.contracts(ids.slice(from, from + IDS_PER_REQUEST))));
    }
    return contracts;
  } catch (error) {
    log.error({ err: error }, 'contracts.not_read');
    return [];
  }
}

const findBroken = (graph: Graph, contracts: readonly Contract[]) =>
  contracts.flatMap((contract) => {
    const reasons = findBreaks(graph, contract.text, contract.approved);
    return reasons.length === 0 ? [] : [{ contract, reasons }];
  });

function describe({ contract, reasons }: ReturnType<typeof findBroken>[number]): string {
  const owner = contract.internal_owner ?? 'nobody';
  const lastUse = contract.last_used_at ?? 'never';
  return `${contract.name} of ${contract.integration_name} (owner ${owner}, last used ${lastUse}): ${reasons.join(' ')}`;
}
