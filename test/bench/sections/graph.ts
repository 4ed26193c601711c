import { type CannedClinic, startCannedClinic } from '../canned-clinic.ts';
import { FEDERATED_DAY, LARGE_LIST, SMALL_LIST } from '../documents.ts';
import { applyLoad, httpRequest, type Load, type LoadResult, warmUp } from '../load.ts';
import { type Bench, type Figure, median, milliseconds, perSecond, type Section } from '../section.ts';
import { residentBytes } from '../start-process.ts';

const DISTINCT = 500;
const CONNECTIONS = 32;

interface Workload {
  readonly what: string;
  readonly text: string;
  readonly connections: number;
  readonly floor: number;
  readonly target: number;
  readonly variables: (index: number) => Record<string, unknown>;
}

const day = (first: number, index: number) => ({
  from: '2026-03-01T00:00:00Z',
  to: '2026-03-02T00:00:00Z',
  first,
  after: `cursor${String(index).padStart(6, '0')}`,
});

const WORKLOADS: readonly Workload[] = [
  {
    what: 'small list, one subgraph',
    text: SMALL_LIST,
    connections: CONNECTIONS,
    floor: 12,
    target: 18,
    variables: (index) => ({ first: 5, after: `cursor${index}` }),
  },
  {
    what: 'day of 20 across three subgraphs',
    text: FEDERATED_DAY,
    connections: CONNECTIONS,
    floor: 8,
    target: 12,
    variables: (index) => day(20, index),
  },
  {
    what: 'some 200 objects',
    text: LARGE_LIST,
    connections: CONNECTIONS,
    floor: 10,
    target: 30,
    variables: (index) => ({ first: 100, after: `cursor${index}` }),
  },
  {
    what: 'the same day asked for by 128 at once',
    text: FEDERATED_DAY,
    connections: 128,
    floor: 40,
    target: 80,
    variables: () => day(20, 0),
  },
];

export const graphSection: Section = {
  name: 'graph',
  title: 'The gateway alone',
  about:
    'Persisted documents through our gateway over unix sockets, beside stock Apollo Server 5 with @apollo/gateway 2.14 and the same text, both in front of subgraphs that answer from memory. Variables differ from request to request but for the last line.',
  async run(bench) {
    const clinic = await startCannedClinic(
      bench.folder,
      WORKLOADS.map(({ text }) => text).filter((text, index, all) => all.indexOf(text) === index),
    );
    try {
      const figures: Figure[] = [];
      for (const workload of WORKLOADS) figures.push(...(await measure(bench, clinic, workload)));
      return [...figures, memory(clinic), startUp(clinic)];
    } finally {
      await clinic.stop();
    }
  },
};

async function measure(bench: Bench, clinic: CannedClinic, workload: Workload): Promise<Figure[]> {
  const { ours, stock } = loadsOf(clinic, workload);
  await warmUp(ours);
  await warmUp(stock, 3);
  const rounds: { ours: LoadResult; stock: LoadResult }[] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    const measured = {
      ours: await applyLoad({ ...ours, seconds: bench.seconds }),
      stock: await applyLoad({ ...stock, seconds: bench.seconds }),
    };
    rounds.push(measured);
    if (measured.ours.failed > 0) throw new Error(`${workload.what}: ${measured.ours.firstFailure}`);
    bench.say(
      `  ${workload.what}: ${perSecond(measured.ours.perSecond)} beside ${perSecond(measured.stock.perSecond)}`,
    );
  }
  const { what, floor, target, connections } = workload;
  const mine = median(rounds.map((one) => one.ours.perSecond));
  const theirs = median(rounds.map((one) => one.stock.perSecond));
  const ratio = median(rounds.map((one) => one.ours.perSecond / one.stock.perSecond));
  const p99 = median(rounds.map((one) => one.ours.p99));
  const theirP99 = median(rounds.map((one) => one.stock.p99));
  const figures: Figure[] = [{ what, ours: perSecond(mine), beside: perSecond(theirs), ratio, floor, target }];
  const shown = { what: `${what}: p99`, ours: milliseconds(p99), beside: milliseconds(theirP99) };
  figures.push(
    connections === CONNECTIONS ? { ...shown, promise: '< 35 ms at 32 connections', holds: p99 < 35 } : shown,
  );
  return figures;
}

function loadsOf(clinic: CannedClinic, { text, variables, connections }: Workload) {
  const bodies = Array.from({ length: DISTINCT }, (_, index) => variables(index));
  const authorization = `Bearer ${clinic.token}`;
  const documentId = clinic.ids.get(text);
  const ours: Omit<Load, 'seconds'> = {
    port: clinic.ours.port,
    connections,
    requests: bodies.map((one) => httpRequest('/graphql', { authorization }, { documentId, variables: one })),
  };
  const stock: Omit<Load, 'seconds'> = {
    port: clinic.stock.port,
    connections,
    requests: bodies.map((one) => httpRequest('/', {}, { query: text, variables: one })),
  };
  return { ours, stock };
}

function memory({ ours, stock }: CannedClinic): Figure {
  const [mine, theirs] = [residentBytes(ours.pid), residentBytes(stock.pid)].map((bytes) =>
    Math.round(bytes / 2 ** 20),
  );
  return {
    what: 'memory after all this load',
    ours: `${mine} MB`,
    beside: `${theirs} MB`,
    promise: '< 200 MB',
    holds: (mine ?? 0) < 200,
  };
}

const startUp = ({ ours }: CannedClinic): Figure => ({
  what: 'from start to ready, documents compiled',
  ours: milliseconds(ours.startMs),
  beside: '',
});
