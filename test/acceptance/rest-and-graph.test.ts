import { SCOPE_NAMES, type Scope } from '@bridgework/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Chance, createChance } from '../rest/fuzz/chance.ts';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer, Partner } from '../support/partner.ts';
import { type Ids, SOURCES, type Source } from './rest-and-graph/sources.ts';

/** The graph is asked by query text that was written for this test, not by the documents that REST runs. */
const SEED = Number(process.env.FUZZ_SEED ?? 23);
const TOKENS = 6;
const FILTERS = 3;
let clinic: Clinic;
let partner: Partner;
let ids: Ids;
const callers: { readonly scopes: readonly Scope[]; readonly token: string }[] = [];
const chance = createChance(SEED);

beforeAll(async () => {
  const plenty = {
    TOKEN_REQUESTS_PER_MINUTE: '100000',
    INTEGRATION_REQUESTS_PER_MINUTE: '100000',
    TOKEN_COST_PER_MINUTE: '100000000',
  };
  clinic = await startClinic({ simulator: false, gateway: plenty });
  partner = await clinic.partner({ scopes: SCOPE_NAMES, adHoc: true });
  await clinic.owner`update inventory.items set reorder_point = on_hand + 1`;
  ids = await readIds();
  await generateExport();
  const some = Array.from({ length: TOKENS }, () => SCOPE_NAMES.filter(() => chance.once(2)));
  for (const scopes of [[...SCOPE_NAMES], ...some]) if (scopes.length > 0) callers.push(await issue(scopes));
});
afterAll(() => clinic?.close());

async function readIds(): Promise<Ids> {
  const [row] = await clinic.owner<[Ids]>`select
    array(select id from appointment.appointments order by id limit 5) as appointments,
    array(select id from appointment.visits order by id limit 5) as visits,
    array(select id from appointment.patients order by id limit 5) as patients,
    array(select id from appointment.providers order by id) as providers,
    array(select id from billing.invoices where status <> 'DRAFT' order by id limit 5) as invoices`;
  return row;
}

async function generateExport(): Promise<void> {
  const [day] = await clinic.owner<{ date: string }[]>`select business_date::text as date from billing.payments
    where business_date < current_date order by 1 limit 1`;
  await clinic.huda.run('mutation ($date: Date!) { closeBusinessDay(date: $date) { status } }', { date: day?.date });
  await eventually(async () => {
    const { status } = await partner.rest('POST', '/exports', {
      body: { kind: 'DAILY_COLLECTED_REVENUE', period: day?.date },
      headers: { 'idempotency-key': 'one' },
    });
    return status < 300;
  });
}

async function issue(scopes: readonly Scope[]) {
  const { issueToken } = await clinic.huda.run(
    `mutation ($input: IssueTokenInput!, $key: String!) { issueToken(input: $input, idempotencyKey: $key) { secret } }`,
    {
      key: `token ${callers.length}`,
      input: {
        integrationId: partner.integrationId,
        name: `token ${callers.length}`,
        scopes,
        expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      },
    },
  );
  const token: string = issueToken.secret;
  await eventually(async () => (await rest(token, '/me')).status === 200, { what: 'the token is good' });
  return { scopes, token };
}

const rest = (token: string, path: string): Promise<Answer> =>
  clinic.fetch(`/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });

const graph = (token: string, query: string, variables: object): Promise<Answer> =>
  clinic.fetch('/graphql', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });

/** What a REST route gives: every entry of a list, page by page. */
async function factsByRest(token: string, source: Source, filter: Readonly<Record<string, string>>, limit: number) {
  const facts: unknown[] = [];
  let cursor: string | null = null;
  do {
    const { id: _inPath, ...inQuery } = filter;
    const query = new URLSearchParams({ ...inQuery, ...(source.isList ? { limit: String(limit) } : {}) });
    if (cursor !== null) query.set('cursor', cursor);
    const { status, body } = await rest(token, `${source.path(filter)}?${query}`.replace(/\?$/, ''));
    if (status !== 200) return body.type.replace(/^.*\//, '').toUpperCase().replaceAll('-', '_') as string;
    facts.push(...(source.isList ? body.data : [body]));
    cursor = source.isList ? body.next_cursor : null;
  } while (cursor !== null);
  return facts;
}

/** The same of the graph. */
async function factsByGraph(token: string, source: Source, filter: Readonly<Record<string, string>>) {
  const facts: unknown[] = [];
  let after: string | null = null;
  do {
    const selection =
      source.selectionFor?.(callers.find((one) => one.token === token)?.scopes ?? []) ?? source.selection;
    const query = source.isList
      ? `query ($after: String ${source.declares}) { found: ${source.root} { edges { node { ${selection} } } pageInfo { hasNextPage endCursor } } }`
      : `query (${source.declares}) { found: ${source.root} { ${selection} } }`;
    const { body } = await graph(token, query, { ...source.variables(filter), ...(source.isList ? { after } : {}) });
    if (body.errors !== undefined) return body.errors[0].extensions.code as string;
    const { found } = body.data;
    if (found === null) return 'NOT_FOUND';
    const nodes = source.isList ? found.edges.map(({ node }: { node: unknown }) => node) : [found];
    facts.push(...nodes.map(source.toRest));
    after = source.isList && found.pageInfo.hasNextPage ? found.pageInfo.endCursor : null;
  } while (after !== null);
  return facts;
}

const byContent = (facts: unknown) =>
  Array.isArray(facts) ? facts.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)) : facts;

test.each(SOURCES)('$name: REST and the graph give the same facts, for any token and filter', async (source) => {
  const own = createChance(SEED + source.name.length);
  let shown = 0;
  let refused = 0;
  for (const { token, scopes } of callers) {
    for (let round = 0; round < FILTERS; round += 1) {
      const filter = source.filter(own, ids);
      const [told, asked] = await Promise.all([
        factsByRest(token, source, filter, pageOf(own)),
        factsByGraph(token, source, filter),
      ]);
      expect(byContent(told), `${scopes} ${JSON.stringify(filter)}`).toEqual(byContent(asked));
      if (told === 'INSUFFICIENT_SCOPE') refused += 1;
      else if (Array.isArray(told) && told.length > 0) shown += 1;
    }
  }
  // Or this has compared nothing with nothing.
  expect(shown).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
});

const pageOf = (own: Chance): number => own.pick([1, 3, 7, 25, 100]);

test.each(SOURCES)('$name: no field reaches a token through one and not the other', async (source) => {
  for (const { token, scopes } of callers) {
    const filter = source.full(ids);
    const told = await factsByRest(token, source, filter, 1);
    const [entry] = Array.isArray(told) ? told : [];
    for (const [field, selection] of Object.entries(source.fields)) {
      const query = source.isList
        ? `query ($after: String ${source.declares}) { found: ${source.root} { edges { node { ${selection} } } } }`
        : `query (${source.declares}) { found: ${source.root} { ${selection} } }`;
      const { body } = await graph(token, query, source.variables(filter));
      const byRest = valueAt(entry, field) !== undefined;
      expect(byRest, `${field} with ${scopes}`).toBe(body.errors === undefined);
    }
  }
});

/** undefined for what is not told, and for what is told as null of a thing that has it. */
const valueAt = (entry: unknown, field: string): unknown =>
  field
    .split('.')
    .reduce<unknown>(
      (place, step) => (place as Record<string, unknown> | null | undefined)?.[step] ?? undefined,
      entry,
    );

test('every route of v1 that reads what belongs to the clinic is compared', () => {
  expect(SOURCES.map(({ route }) => route).toSorted()).toEqual([
    '/appointments',
    '/appointments/{id}',
    '/exports',
    '/inventory/low-stock',
    '/invoices/{id}/payable',
    '/patients/{id}',
    '/reports/daily-appointments',
    '/reports/no-show-rate',
    '/reports/visit-volume',
    '/visits',
    '/visits/{id}',
  ]);
});
