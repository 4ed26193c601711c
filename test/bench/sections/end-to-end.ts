import { applyLoad, httpRequest, type Load, type LoadResult, warmUp } from '../load.ts';
import { operation, type RealClinic, startRealClinic } from '../real-clinic.ts';
import { type Bench, median, milliseconds, perSecond, type Section } from '../section.ts';

const CONNECTIONS = 32;
const DAY_MS = 86_400_000;
/** Days that the made-up clinic has behind it. */
const DAYS = 50;

const FLAGSHIP = operation('examples/day-sheet');
const LIST = operation('rest-v1/appointments');

export const endToEndSection: Section = {
  name: 'end-to-end',
  title: 'From the partner to the database and back',
  about:
    "The flagship query, a page of 20 of a day's appointments from all four subgraphs, over the sandbox's clinic of 400 patients: through our gateway, and through stock Apollo Server 5 with @apollo/gateway 2.14 in front of the same subgraphs on the same database, with valid callers' headers handed to it. Then a REST list beside the same operation by id. Everything shares the machine's cores, PostgreSQL too.",
  onEveryCore: true,
  async run(bench) {
    const clinic = await startRealClinic(bench.folder, { documents: [FLAGSHIP, LIST] });
    try {
      const [flagship, rest] = [flagshipLoads(clinic), restLoads(clinic)];
      const through = await inTurns(bench, 'the flagship', flagship);
      const routes = await inTurns(bench, 'REST beside the graph', rest);
      return [
        {
          what: 'the flagship query, through ours and through a stock gateway',
          ours: perSecond(through.ours.perSecond),
          beside: perSecond(through.beside.perSecond),
          ratio: through.ratio,
        },
        {
          what: 'the flagship query: p99',
          ours: milliseconds(through.ours.p99),
          beside: milliseconds(through.beside.p99),
        },
        {
          what: 'a REST list beside the same operation by id',
          ours: perSecond(routes.ours.perSecond),
          beside: perSecond(routes.beside.perSecond),
          ratio: routes.ratio,
          // At most 15 % dearer.
          floor: 1 / 1.15,
        },
      ];
    } finally {
      await clinic.stop();
    }
  },
};

type Plan = Omit<Load, 'seconds'>;
interface Pair {
  readonly ours: Plan;
  readonly beside: Plan;
}

/** Distinct variables: each asks for another stretch of days. */
const daysOf = (index: number) => {
  const to = Date.now() - (index % DAYS) * DAY_MS;
  const spread = Math.floor(index / DAYS) * 60_000;
  return { from: new Date(to - DAY_MS - spread).toISOString(), to: new Date(to).toISOString() };
};
const variants = Array.from({ length: 500 }, (_, index) => daysOf(index));

function flagshipLoads({ gateway, stock, partner }: RealClinic): Pair {
  const headers = { authorization: `Bearer ${partner.token}` };
  const documentId = partner.documents.DaySheet;
  const plan = (port: number, requests: Buffer[]) => ({ port, connections: CONNECTIONS, requests });
  const asked = variants.map((days) => ({ ...days, first: 20 }));
  return {
    ours: plan(
      gateway.port,
      asked.map((variables) => httpRequest('/graphql', headers, { documentId, variables })),
    ),
    beside: plan(
      stock.port,
      asked.map((variables) => httpRequest('/', {}, { query: FLAGSHIP, variables })),
    ),
  };
}

function restLoads({ gateway, partner }: RealClinic): Pair {
  const authorization = `Bearer ${partner.token}`;
  const documentId = partner.documents.AppointmentsV1;
  const { port } = gateway;
  const variablesOf = ({ from, to }: { from: string; to: string }) => ({
    filter: {
      startsFrom: from,
      startsTo: to,
      updatedSince: '0001-01-01T00:00:00.000Z',
      status: null,
      providerId: null,
    },
    first: 20,
  });
  const get = ({ from, to }: { from: string; to: string }) =>
    Buffer.from(
      `GET /api/v1/appointments?limit=20&starts_from=${from}&starts_to=${to} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${authorization}\r\n\r\n`,
    );
  return {
    ours: { port, connections: CONNECTIONS, requests: variants.map(get) },
    beside: {
      port,
      connections: CONNECTIONS,
      requests: variants.map((days) =>
        httpRequest('/graphql', { authorization }, { documentId, variables: variablesOf(days) }),
      ),
    },
  };
}

async function inTurns(bench: Bench, what: string, { ours, beside }: Pair) {
  await warmUp(ours);
  await warmUp(beside);
  const rounds: { ours: LoadResult; beside: LoadResult }[] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    const one = {
      ours: await applyLoad({ ...ours, seconds: bench.seconds }),
      beside: await applyLoad({ ...beside, seconds: bench.seconds }),
    };
    const failed = one.ours.firstFailure ?? one.beside.firstFailure;
    if (failed !== undefined) throw new Error(`${what}: ${failed}`);
    rounds.push(one);
    bench.say(`  ${what}: ${perSecond(one.ours.perSecond)} beside ${perSecond(one.beside.perSecond)}`);
  }
  const middle = (pick: (one: LoadResult) => number, side: 'ours' | 'beside') =>
    median(rounds.map((one) => pick(one[side])));
  const sideOf = (side: 'ours' | 'beside') => ({
    perSecond: middle((one) => one.perSecond, side),
    p99: middle((one) => one.p99, side),
  });
  return {
    ours: sideOf('ours'),
    beside: sideOf('beside'),
    ratio: median(rounds.map((one) => one.ours.perSecond / one.beside.perSecond)),
  };
}
