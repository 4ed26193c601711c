import { setTimeout as wait } from 'node:timers/promises';
import type { GraphAnswer, Intercept } from './http-subgraph.ts';
import type { Chance } from './random-document.ts';

/** What can be wrong with a subgraph's answer. */
export const FAULTS = ['null', 'wrong type', 'missing entity', 'error', 'hang up', 'no JSON', 'slow', 'late'] as const;
export type Fault = (typeof FAULTS)[number];

/** Longer than whoever asks is ready to wait. */
const LATE_MS = 700;

/** Does the same harm to one call of a request each time it is asked so: the first one whose subgraph has its turn. */
export function damage(fault: Fault, chance: Chance): Intercept {
  const turn = Math.floor(chance() * 5);
  const place = chance();
  return async (name, { query, variables }, answer) => {
    const asked = (variables.representations ?? []) as unknown[];
    const isItsTurn = (name.length + query.length) % 5 === turn;
    if (!isItsTurn) return answer;
    switch (fault) {
      case 'null':
        return withLeaf(answer, asked, place, () => null);
      case 'wrong type':
        return withLeaf(answer, asked, place, wrongType);
      case 'missing entity':
        return withoutEntity(answer, asked, place);
      case 'error':
        return withError(answer, asked, place);
      case 'hang up':
        return 'hang up';
      case 'no JSON':
        return '<html>';
      case 'slow':
        await wait(20);
        return answer;
      case 'late':
        await wait(LATE_MS);
        return answer;
    }
  };
}

/** Of a null it is not known what it would have been. */
const wrongType = (value: unknown): unknown =>
  value === null ? null : typeof value === 'boolean' ? 'no boolean' : true;

type Place = (string | number)[];

function leavesOf(value: unknown, here: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return here.at(-1) === '__typename' ? [] : [here];
  return Object.entries(value).flatMap(([key, one]) =>
    leavesOf(one, [...here, Array.isArray(value) ? Number(key) : key]),
  );
}

function pick<Item>(items: readonly Item[], place: number): Item | undefined {
  return items[Math.floor(place * items.length)];
}

/** All the places of one entity among those asked for: the reference asks for it once for each place where it stands. */
function placesOf(asked: readonly unknown[], place: number): number[] {
  const keys = asked.map((one) => JSON.stringify(one));
  const chosen = pick([...new Set(keys)].toSorted(), place);
  return keys.flatMap((key, index) => (key === chosen ? [index] : []));
}

function withLeaf(
  answer: GraphAnswer,
  asked: readonly unknown[],
  place: number,
  change: (value: unknown) => unknown,
): GraphAnswer {
  const entities = answer.data?._entities;
  const damaged = Array.isArray(entities) ? placesOf(asked, place).map((index) => entities[index]) : [answer.data];
  const leaf = pick(
    leavesOf(damaged[0]).filter(({ length }) => length > 0),
    place,
  );
  if (leaf === undefined) return answer;
  const key = leaf.at(-1) ?? '';
  for (const one of damaged) {
    const parent = leaf.slice(0, -1).reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], one);
    (parent as Record<string, unknown>)[key] = change((parent as Record<string, unknown>)[key]);
  }
  return answer;
}

function withoutEntity(answer: GraphAnswer, asked: readonly unknown[], place: number): GraphAnswer {
  const entities = answer.data?._entities;
  if (Array.isArray(entities)) for (const index of placesOf(asked, place)) entities[index] = null;
  return answer;
}

/** As a subgraph does it: the first thing it was asked for is null, and it says why. */
function withError(answer: GraphAnswer, asked: readonly unknown[], place: number): GraphAnswer {
  const error = { message: 'It broke.', extensions: { code: 'BROKEN' } };
  if (Array.isArray(answer.data?._entities)) {
    const indexes = placesOf(asked, place);
    return {
      ...withoutEntity(answer, asked, place),
      errors: indexes.map((index) => ({ ...error, path: ['_entities', index] })),
    };
  }
  const key = pick(Object.keys(answer.data ?? {}), place);
  if (key === undefined) return answer;
  return { data: { ...answer.data, [key]: null }, errors: [{ ...error, path: [key] }] };
}
