import { subgraph as appointment } from '@bridgework/appointment';
import { subgraph as billing } from '@bridgework/billing';
import { subgraph as integration } from '@bridgework/integration';
import { subgraph as inventory } from '@bridgework/inventory';
import type { Caller, Context } from '@bridgework/kernel/context';
import { readContract } from '@bridgework/kernel/contract-files';
import { createLogger } from '@bridgework/kernel/logger';
import { SCOPE_NAMES } from '@bridgework/schema';
import { execute, type FormattedExecutionResult, type GraphQLFormattedError, type GraphQLSchema, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../../subgraphs/host/src/build-schema.ts';
import { createDocuments } from '../../subgraphs/host/src/documents.ts';
import { executeGraph } from '../../subgraphs/host/src/execute-graph.ts';
import { reportErrors } from '../../subgraphs/host/src/report-errors.ts';
import { requirements } from '../authorization/documents.ts';
import { type Random, randomFrom, seedOfRun } from '../support/random.ts';
import { madeUpResolvers, type World } from './support/made-up-resolvers.ts';
import { randomQuery } from './support/random-query.ts';

const DOCUMENTS = Number(process.env.QUERY_DOCUMENTS ?? 400);
const log = createLogger('test', { level: 'silent' });

function callerOf(random: Random): Caller {
  const scopes = SCOPE_NAMES.filter(() => random.chance(0.8));
  if (random.chance(0.6)) {
    const role = random.chance(0.8) ? 'MANAGER' : 'RECEPTION';
    return {
      kind: 'user',
      issuer: 'i',
      subject: 's',
      name: 'n',
      role,
      scopes: random.chance(0.8) ? SCOPE_NAMES : scopes,
    };
  }
  return { kind: 'integration', integrationId: 'int_1', tokenId: 'tok_1', scopes, environment: 'sandbox' };
}

/** Types behind one union may have fields of one name and different types, which cannot be asked for together. */
function validQuery(schema: GraphQLSchema, documents: ReturnType<typeof createDocuments>, random: Random) {
  for (;;) {
    const query = randomQuery(schema, random);
    try {
      return { ...query, ready: documents(query.text) };
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('conflict'))) throw error;
    }
  }
}

type Answer = FormattedExecutionResult;

/** The deepest place on the way to an error that the answer holds: null there, or the whole answer. */
function nulledAt({ data }: Answer, { path = [] }: GraphQLFormattedError): string {
  let value: unknown = data;
  for (const [depth, key] of path.entries()) {
    if (typeof value !== 'object' || value === null) return path.slice(0, depth).join('/');
    value = (value as Record<string | number, unknown>)[key];
  }
  return path.join('/');
}

function errorsByPlace(answer: Answer): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  for (const error of answer.errors ?? []) {
    const place = nulledAt(answer, error);
    const known = places.get(place) ?? new Set();
    places.set(place, known.add(`${error.path?.join('/')} ${String(error.extensions?.code)}`));
  }
  return places;
}

/**
 * The same data to the byte. Of several errors that null one and the same place graphql-js tells the first and a
 * compiled query all, up to a null at the very top, where either tells the first that it met.
 */
function expectSame(compiled: Answer, reference: Answer): void {
  expect(JSON.stringify(compiled.data)).toBe(JSON.stringify(reference.data));
  const [ours, theirs] = [errorsByPlace(compiled), errorsByPlace(reference)];
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  for (const [place, errors] of theirs) {
    if (place !== '') expect([...(ours.get(place) ?? [])]).toEqual(expect.arrayContaining([...errors]));
  }
}

/**
 * Rejections that nobody catches, which end a process. graphql-js leaves some, of list items that were under way when
 * another one threw; a compiled query must leave none.
 */
function catchStrays() {
  const others = process.listeners('unhandledRejection');
  let caught: unknown[] = [];
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => caught.push(reason));
  return {
    async next(): Promise<unknown[]> {
      await new Promise((resolve) => setImmediate(resolve));
      const until = caught;
      caught = [];
      return until;
    },
    stop() {
      process.removeAllListeners('unhandledRejection');
      for (const one of others) process.on('unhandledRejection', one);
    },
  };
}

describe.each([appointment, billing, inventory, integration])('in the subgraph $name', (subgraph) => {
  const world: World = { seed: 0, faults: 0 };
  const typeDefs = parse(readContract(`subgraphs/${subgraph.name}.graphql`));
  const shape = buildSchema(subgraph, typeDefs, requirements).bare;
  const resolvers = madeUpResolvers(shape, subgraph.resolvers, world);
  const graph = buildSchema({ ...subgraph, resolvers }, typeDefs, requirements);

  test('whatever is asked, by whom and whatever fails, a compiled query answers what graphql-js answers behind shield', async () => {
    const seed = seedOfRun();
    const random = randomFrom(seed);
    const documents = createDocuments(graph, { compile: 'at-once' });
    const strays = catchStrays();
    const met = { compiled: 0, denied: 0, failed: 0, refused: 0 };
    for (let round = 0; round < DOCUMENTS; round += 1) {
      const { text, variables, ready } = validQuery(graph.bare, documents, random);
      for (const faults of [0, 0.04]) {
        Object.assign(world, { seed: random.int(0, 2 ** 31), faults });
        const ctx = (caller: Caller) => ({ caller, log, requestId: 'req_1' }) as Context;
        const caller = callerOf(random);
        const isCompiled = ready.findCompiled(variables) !== undefined && (await ready.isPermitted(ctx(caller)));
        const compiled = await executeGraph(graph, { ...ready, variables, operationName: undefined }, ctx(caller));
        const straysOfOurs = await strays.next();
        const { data, errors } = await execute({
          schema: graph.guarded,
          document: ready.document,
          variableValues: variables,
          contextValue: ctx(caller),
        });
        const reference: Answer = {
          ...(errors && { errors: reportErrors(errors, log, 'req_1') }),
          ...(data === undefined ? {} : { data }),
        };
        try {
          expectSame(compiled, reference);
          if (isCompiled) expect(straysOfOurs).toEqual([]);
        } catch (error) {
          const told = { seed, round, faults, text, variables, compiled, reference };
          throw new Error(JSON.stringify(told, null, 1), { cause: error });
        }
        await strays.next();
        if (isCompiled) met.compiled += 1;
        else if (JSON.stringify(compiled.errors ?? []).includes('INSUFFICIENT_SCOPE')) met.denied += 1;
        if (compiled.data === undefined) met.refused += 1;
        else if (compiled.errors !== undefined) met.failed += 1;
      }
    }
    strays.stop();
    console.info(`${subgraph.name}, seed ${seed}: ${JSON.stringify(met)}`);
    for (const count of Object.values(met)) expect(count).toBeGreaterThan(DOCUMENTS / 50);
  });
});
