import type { Caller, Context } from '@bridgework/kernel/context';
import { toExtensions } from '@bridgework/kernel/errors';
import { createLogger } from '@bridgework/kernel/logger';
import { assertAllowed } from '@bridgework/kernel/scope-rules';
import { rememberVerdicts } from '@bridgework/kernel/scope-verdicts';
import type { Subgraph } from '@bridgework/kernel/subgraph';
import type { RequirementMap, Scope } from '@bridgework/schema';
import { type ExecutionResult, graphql, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';

const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { patient: Patient open: String hidden: String secret: String boom: String }
  type Mutation { first: String second: String }
  type Patient @key(fields: "id") { id: ID! name: String invoices: [Invoice!]! }
  type Invoice { total: Int note: String }
`);
const requirements: RequirementMap = {
  'Query.patient': { scopes: [['read:patients']] },
  'Query.open': { public: true },
  'Query.secret': { policy: 'manager' },
  'Query.boom': { scopes: [['read:patients']] },
  'Mutation.first': { scopes: [['write:payments']] },
  'Mutation.second': { policy: 'manager' },
  'Patient.id': { public: true },
  'Patient.name': { scopes: [['read:patients']] },
  'Patient.invoices': { scopes: [['read:patients']] },
  'Invoice.total': { scopes: [['read:invoices', 'read:financials'], ['read:reports']] },
};
const patient = { id: 'pat_1', name: 'Layla', invoices: [{ total: 5, note: 'n' }] };
let done: string[] = [];
const subgraph: Subgraph = {
  name: 'billing',
  resolvers: {
    Query: {
      patient: () => patient,
      open: () => 'open',
      hidden: () => 'hidden',
      secret: () => 'secret',
      boom: () => Promise.reject(new RangeError('boom')),
    },
    Mutation: {
      first: () => done.push('first'),
      second: () => done.push('second'),
    },
    Patient: { __resolveReference: () => ({ ...patient }) },
  },
};
const graph = buildSchema(subgraph, typeDefs, requirements);
const schema = graph.guarded;

const token = (...scopes: Scope[]): Caller => ({
  kind: 'integration',
  integrationId: 'int_1',
  tokenId: 'tok_1',
  scopes,
  environment: 'sandbox',
});
const user = (role: 'MANAGER' | 'RECEPTION'): Caller => ({
  kind: 'user',
  issuer: 'i',
  subject: 's',
  name: 'n',
  role,
  scopes: ['read:patients'],
});

function run(caller: Caller, source: string): Promise<ExecutionResult> {
  const ctx = { caller, log: createLogger('test', { level: 'silent' }) } as Context;
  return graphql({ schema, source, contextValue: ctx });
}
const codes = ({ errors }: ExecutionResult) => errors?.map(({ extensions }) => extensions.code);
const refusals = ({ errors }: ExecutionResult) =>
  errors?.map(({ originalError }) => toExtensions(originalError as never));

const ENTITIES = '{ _entities(representations: [{ __typename: "Patient", id: "pat_1" }]) { ... on Patient';

test('refuses a field whose scope is not held, and names what is required', async () => {
  const result = await run(token('read:invoices'), '{ patient { id } }');
  expect(result.data).toEqual({ patient: null });
  expect(refusals(result)).toEqual([{ code: 'INSUFFICIENT_SCOPE', members: { scope: 'read:patients' } }]);
});

test('guards the fields of an entity, so that _entities is no way around', async () => {
  expect((await run(token('read:invoices'), `${ENTITIES} { id } } }`)).data).toEqual({ _entities: [{ id: 'pat_1' }] });
  const result = await run(token('read:invoices'), `${ENTITIES} { name } } }`);
  expect(result.data).toEqual({ _entities: [{ name: null }] });
  expect(refusals(result)?.[0]?.code).toBe('INSUFFICIENT_SCOPE');
  expect((await run(token('read:patients'), `${ENTITIES} { name } } }`)).data).toEqual({
    _entities: [{ name: 'Layla' }],
  });
});

test('guards fields that have no resolver of their own', async () => {
  const total = '{ patient { invoices { total } } }';
  expect((await run(token('read:patients'), total)).data).toEqual({ patient: { invoices: [{ total: null }] } });
  for (const scopes of [['read:invoices', 'read:financials'], ['read:reports']] as Scope[][]) {
    const { data, errors } = await run(token('read:patients', ...scopes), total);
    expect(errors).toBeUndefined();
    expect(data).toEqual({ patient: { invoices: [{ total: 5 }] } });
  }
  const half = await run(token('read:patients', 'read:invoices'), total);
  expect(half.data).toEqual({ patient: { invoices: [{ total: null }] } });
});

test('refuses a field of which the map knows nothing to everybody', async () => {
  for (const caller of [token('read:patients'), user('MANAGER')]) {
    expect((await run(caller, '{ hidden }')).data).toEqual({ hidden: null });
    expect((await run(caller, '{ patient { invoices { note } } }')).data).toEqual({
      patient: { invoices: [{ note: null }] },
    });
  }
});

test('keeps manager fields for managers', async () => {
  expect((await run(user('MANAGER'), '{ secret }')).data).toEqual({ secret: 'secret' });
  for (const caller of [user('RECEPTION'), token('read:patients', 'write:payments')]) {
    const result = await run(caller, '{ secret open }');
    expect(result.data).toEqual({ secret: null, open: 'open' });
    expect(refusals(result)).toEqual([{ code: 'FORBIDDEN' }]);
  }
});

test('gives the gateway itself nothing but what everybody may read', async () => {
  const gateway: Caller = { kind: 'gateway', gatewayId: 'g' };
  expect((await run(gateway, '{ open _service { sdl } }')).errors).toBeUndefined();
  expect((await run(gateway, '{ secret }')).data).toEqual({ secret: null });
});

test('reports an error that a resolver throws as an error, never as a value', async () => {
  const result = await run(token('read:patients'), '{ boom }');
  expect(result.data).toEqual({ boom: null });
  expect(result.errors?.[0]?.originalError).toBeInstanceOf(RangeError);
  expect(codes(result)).toEqual([undefined]);
});

describe('a document is permitted whole', () => {
  const permits = (caller: Caller, text: string) => graph.permits(parse(text))({ caller } as Context);
  const frozen = (...scopes: Scope[]) => Object.freeze({ ...token(), scopes: Object.freeze(scopes) }) as Caller;

  test('to whom shield refuses none of its fields, whatever the data', async () => {
    expect(await permits(token('read:patients'), '{ patient { name } open }')).toBe(true);
    expect(await permits(token('read:invoices'), '{ patient { name } open }')).toBe(false);
    expect(await permits(token('read:patients'), '{ patient { invoices { total } } }')).toBe(false);
    expect(await permits(token('read:patients', 'read:reports'), '{ patient { invoices { total } } }')).toBe(true);
    expect(await permits(token(), `${ENTITIES} { name } } }`)).toBe(false);
    expect(await permits(token(), `${ENTITIES} { id } } }`)).toBe(true);
    expect(await permits(token('read:patients'), '{ open secret @skip(if: true) }')).toBe(false);
    expect(await permits(user('MANAGER'), '{ secret }')).toBe(true);
    expect(await permits(user('RECEPTION'), '{ secret }')).toBe(false);
  });

  test('to nobody when the map knows nothing of one of its fields', async () => {
    for (const caller of [user('MANAGER'), token('read:patients', 'read:reports'), frozen('read:patients')]) {
      expect(await permits(caller, '{ hidden }')).toBe(false);
      expect(await permits(caller, '{ patient { invoices { note } } }')).toBe(false);
    }
  });

  test('by what shield said of that caller, and of no other', async () => {
    const [allowed, refused] = [frozen('read:patients'), frozen('read:invoices')];
    for (let again = 0; again < 3; again += 1) {
      expect(await permits(allowed, '{ patient { name } }')).toBe(true);
      expect(await permits(refused, '{ patient { name } }')).toBe(false);
      expect(await permits(frozen('read:invoices'), '{ patient { name } }')).toBe(false);
    }
  });

  test('after shield was asked once for each caller and rule; a caller that may change is asked for each time', async () => {
    let asked = 0;
    const rule = async (resolve: () => unknown, _parent: unknown, _args: unknown, { caller }: Context) => {
      asked += 1;
      return 'scopes' in caller && caller.scopes.includes('read:patients') ? resolve() : new Error('refused');
    };
    const verdict = rememberVerdicts()(new Map([['one rule', rule]]));
    const of = (caller: Caller) => verdict({ caller } as Context);
    const [allowed, refused] = [frozen('read:patients'), frozen()];
    expect(await of(allowed)).toBe(true);
    expect(await of(refused)).toBe(false);
    expect([of(allowed), of(refused), asked]).toEqual([true, false, 2]);
    const changing = { ...token(), scopes: [] as Scope[] };
    expect(await of(changing)).toBe(false);
    changing.scopes.push('read:patients');
    expect(await of(changing)).toBe(true);
    changing.scopes.pop();
    expect(await of(changing)).toBe(false);
    expect(asked).toBe(5);
  });

  test('only when what stands behind a rule was called: an answer, an error or a throw instead is a refusal', async () => {
    const rules = [
      async () => true,
      async () => undefined,
      async () => new Error('no'),
      () => Promise.reject(new Error('no')),
    ];
    for (const rule of rules) {
      expect(await rememberVerdicts()(new Map([['one rule', rule]]))({ caller: frozen() } as Context)).toBe(false);
    }
  });
});

test('refuses a mutation whole before any of its fields is done', () => {
  done = [];
  const both = parse('mutation { first second }');
  expect(() => assertAllowed(schema, requirements, both, token('write:payments'))).toThrow('managers');
  expect(() => assertAllowed(schema, requirements, parse('mutation { first }'), token())).toThrow('scope');
  assertAllowed(schema, requirements, parse('mutation { first }'), token('write:payments'));
  expect(done).toEqual([]);
});

test('does not mix up two subgraphs that answer in one process', async () => {
  const weaker: RequirementMap = { ...requirements, 'Query.secret': { public: true } };
  const { guarded: other } = buildSchema({ ...subgraph, name: 'inventory' }, typeDefs, weaker);
  const ctx = { caller: user('RECEPTION') } as Context;
  expect((await graphql({ schema: other, source: '{ secret }', contextValue: ctx })).data).toEqual({
    secret: 'secret',
  });
  expect((await graphql({ schema, source: '{ secret }', contextValue: ctx })).data).toEqual({ secret: null });
});

test('refuses resolvers that do not fit the SDL', () => {
  const { Patient: _, ...withoutLoader } = subgraph.resolvers;
  expect(() => buildSchema({ ...subgraph, resolvers: withoutLoader }, typeDefs, requirements)).toThrow(
    'Patient.__resolveReference is missing',
  );
  const misspelt = { ...subgraph.resolvers, Invoice: { totl: () => 1 } };
  expect(() => buildSchema({ ...subgraph, resolvers: misspelt }, typeDefs, requirements)).toThrow('Invoice.totl');
  expect(() => buildSchema({ ...subgraph, resolvers: { Patient: _ as never } }, typeDefs, requirements)).toThrow(
    'Query.patient is missing',
  );
});
