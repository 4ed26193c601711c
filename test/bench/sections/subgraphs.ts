import { seedClinic } from '@bridgework/launcher';
import type { SubgraphName } from '@bridgework/schema';
import { startOwnCluster } from '../../support/own-cluster.ts';
import { type Bench, median, type Section } from '../section.ts';
import { type AskSubgraph, openSubgraphs } from '../subgraph-documents.ts';

const DAY_MS = 86_400_000;
const DAYS = 50;
/** Flagships under way at once, so that statements share writes as they do under load. */
const AT_ONCE = 16;

/** What the planner asks of the subgraphs for schema/operations/examples/day-sheet. */
const LIST =
  'query ($from: DateTime!, $to: DateTime!, $first: Int!) { appointments(filter: { startsFrom: $from, startsTo: $to }, first: $first) { edges { node { __typename id status startsAt endsAt provider { id name } patient { __typename id displayName phoneMasked } visit { __typename id status completedAt } importedByIntegrationId } } pageInfo { hasNextPage endCursor } } }';
const entities = (selection: string) =>
  `query ($representations: [_Any!]!) { _entities(representations: $representations) { ${selection} } }`;
const IMPORTERS = entities('... on Appointment { importedBy { id name } }');
const BALANCES = entities('... on Patient { balances { amountMinor currency } }');
const INVOICES = entities('... on Visit { invoice { id reference status balance { amountMinor currency } } }');
const MATERIALS = entities('... on Visit { materialsUsed { quantity item { id sku name } } }');

interface Listed {
  readonly appointments: {
    readonly edges: readonly {
      readonly node: {
        readonly id: string;
        readonly patient: { readonly id: string };
        readonly visit: { readonly id: string } | null;
        readonly importedByIntegrationId: string | null;
      };
    }[];
  };
}

export const subgraphsSection: Section = {
  name: 'subgraphs',
  title: 'What the flagship costs in the subgraphs',
  about:
    "The five documents that the flagship becomes, a page of 20 each, over the sandbox's clinic of 400 patients: compiled, with shield asked once, beside graphql-js with shield in front of each field. One process, the same resolvers, statements and database; its own processor time, the writing of the answer included, HTTP and signatures not.",
  async run(bench) {
    const cluster = await startOwnCluster();
    try {
      await seedClinic(cluster.database.ownerUrl, { now: new Date() });
      const subgraphs = openSubgraphs(cluster.database.urlFor);
      try {
        const sides = { ours: subgraphs.compiled, beside: subgraphs.interpreted };
        for (const ask of Object.values(sides)) await cost(ask, 2000);
        const rounds: { ours: number; beside: number }[] = [];
        for (let round = 0; round < bench.rounds; round += 1) rounds.push(await oneRound(bench, sides));
        const shown = (side: 'ours' | 'beside') => `${(median(rounds.map((one) => one[side])) / 1000).toFixed(2)} ms`;
        return [
          {
            what: 'processor time of a flagship',
            ours: shown('ours'),
            beside: shown('beside'),
            ratio: median(rounds.map(({ ours, beside }) => beside / ours)),
          },
        ];
      } finally {
        await subgraphs.close();
      }
    } finally {
      await cluster.stop();
    }
  },
};

async function oneRound({ seconds, say }: Bench, { ours, beside }: { ours: AskSubgraph; beside: AskSubgraph }) {
  const one = { ours: await cost(ours, seconds * 1000), beside: await cost(beside, seconds * 1000) };
  say(`  a flagship: ${one.ours.toFixed(0)} µs beside ${one.beside.toFixed(0)} µs`);
  return one;
}

/** Microseconds of this process's own time for one flagship. */
async function cost(ask: AskSubgraph, milliseconds: number): Promise<number> {
  const until = performance.now() + milliseconds;
  const before = process.cpuUsage();
  let count = 0;
  const keepAsking = async () => {
    for (; performance.now() < until; count += 1) await flagship(ask, count);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, keepAsking));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function flagship(ask: AskSubgraph, index: number): Promise<void> {
  const to = Date.now() - (index % DAYS) * DAY_MS;
  const days = { from: new Date(to - DAY_MS).toISOString(), to: new Date(to).toISOString() };
  const { appointments } = await ask<Listed>('appointment', LIST, { ...days, first: 20 });
  const nodes = appointments.edges.map(({ node }) => node);
  const askAbout = async (name: SubgraphName, text: string, representations: readonly { readonly id: string }[]) => {
    const known = new Map(representations.map((one) => [one.id, one]));
    if (known.size > 0) await ask(name, text, { representations: [...known.values()] });
  };
  const visits = nodes.flatMap(({ visit }) => (visit === null ? [] : [{ __typename: 'Visit', id: visit.id }]));
  await Promise.all([
    askAbout('integration', IMPORTERS, nodes.map(appointmentOf)),
    askAbout('billing', BALANCES, nodes.map(patientOf)),
    askAbout('billing', INVOICES, visits),
    askAbout('inventory', MATERIALS, visits),
  ]);
}

type Node = Listed['appointments']['edges'][number]['node'];
const patientOf = ({ patient }: Node) => ({ __typename: 'Patient', id: patient.id });
const appointmentOf = ({ id, importedByIntegrationId }: Node) => ({
  __typename: 'Appointment',
  id,
  importedByIntegrationId,
});
