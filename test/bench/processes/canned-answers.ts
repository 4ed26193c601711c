import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { contractPath } from '@bridgework/kernel/contract-files';
import type { SubgraphName } from '@bridgework/schema';
import { execute, type GraphQLSchema, parse } from 'graphql';

type Resolvers = NonNullable<Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']>;

const number = (value: number): string => String(value).padStart(6, '0');
const money = (value: number) => ({ amountMinor: 1000 + value, currency: 'SAR' });
const pageInfo = { hasNextPage: true, hasPreviousPage: false, startCursor: 'c0', endCursor: 'c1' };
const entity = { __resolveReference: (reference: object) => reference };
const page = <Node>(first: number, node: (index: number) => Node) => ({
  edges: Array.from({ length: first }, (_, index) => ({ cursor: `c${index}`, node: node(index) })),
  pageInfo,
});

const appointment = (index: number) => ({
  id: `apt_${number(index)}`,
  status: 'COMPLETED',
  source: 'CLINIC',
  sequence: 3,
  startsAt: '2026-03-01T08:30:00.000Z',
  endsAt: '2026-03-01T09:00:00.000Z',
  provider: { id: `prv_${number(index % 6)}`, name: 'Dr. Noura Al-Qahtani' },
  patient: { id: `pat_${number(index)}`, displayName: 'سارة م.', phoneMasked: '••••••42' },
  visit: { id: `vis_${number(index)}`, status: 'COMPLETED', completedAt: '2026-03-01T09:00:00.000Z' },
});
const item = (index: number) => ({
  id: `itm_${number(index)}`,
  sku: `SKU-${number(index)}`,
  name: 'Nitrile gloves, size M',
  onHand: index,
  reorderPoint: 50,
});

/** A clinic without a database: the same rows whatever the filter says. */
const RESOLVERS: Readonly<Record<SubgraphName, Resolvers>> = {
  appointment: { Query: { appointments: (_: unknown, { first }: { first: number }) => page(first, appointment) } },
  billing: {
    Patient: { ...entity, balances: () => [money(1)] },
    Visit: {
      ...entity,
      invoice: ({ id }: { id: string }) => ({
        id: id.replace('vis', 'inv'),
        reference: 'INV-4F7K2M',
        status: 'PARTIALLY_PAID',
        balance: money(2),
      }),
    },
  },
  inventory: {
    Query: { lowStockItems: (_: unknown, { first }: { first: number }) => page(first, item) },
    Visit: { ...entity, materialsUsed: () => [{ quantity: 2, item: item(1) }] },
  },
  integration: {},
};

const OPERATION_NAME = /^query \w+/;

/** Answers a subgraph's call from memory: each query is executed once for each number of entities asked for. */
export function createCannedAnswers(name: SubgraphName): (body: string) => string | Promise<string> {
  const sdl = readFileSync(contractPath(`subgraphs/${name}.graphql`), 'utf8');
  const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: RESOLVERS[name] });
  const kept = new Map<string, string>();
  return (body) => {
    // What comes after the query are the variables; which side of it the client writes them on does not matter.
    const from = body.indexOf('"query":"') + 9;
    // What the operation is called does not matter either.
    const query = body.slice(from, body.indexOf('}"', from)).replace(OPERATION_NAME, '');
    const key = query + countEntities(body) + firstOf(body);
    return (
      kept.get(key) ??
      run(schema, body).then((answer) => {
        kept.set(key, answer);
        return answer;
      })
    );
  };
}

async function run(schema: GraphQLSchema, body: string): Promise<string> {
  const { query, variables } = JSON.parse(body) as { query: string; variables?: Record<string, unknown> };
  const result = await execute({ schema, document: parse(query), variableValues: variables ?? {} });
  if (result.errors !== undefined) process.stderr.write(`${JSON.stringify(result.errors)}\n`);
  return JSON.stringify(result);
}

function countEntities(body: string): number {
  let count = 0;
  for (let at = body.indexOf('"__typename":'); at >= 0; at = body.indexOf('"__typename":', at + 13)) count += 1;
  return count;
}

/** The page size, which decides how long the answer is; the other variables do not. */
function firstOf(body: string): string {
  const at = body.indexOf('"first":');
  return at < 0 ? '' : body.slice(at, at + 12);
}
