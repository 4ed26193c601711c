import fc from 'fast-check';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const STATES = ['PENDING', 'LEASED', 'DELIVERED', 'DEAD', 'HELD'] as const;
type State = (typeof STATES)[number];
const REASONS = ['exhausted', 'gone', 'poison', 'unauthorised', 'skipped', 'deleted'] as const;

/** What a delivery is allowed to become, as design and guide say it; the database is held to this. */
interface Model {
  readonly state: State;
  readonly attempts: number;
  readonly generation: number;
  readonly deadReason: string | null;
}
interface Step {
  readonly to: State;
  readonly reason: (typeof REASONS)[number];
  readonly attempts: -1 | 0 | 1;
  readonly generation: 0 | 1 | 2;
}

const WAYS: Readonly<Record<State, readonly State[]>> = {
  PENDING: ['LEASED', 'HELD', 'DEAD'],
  LEASED: ['PENDING', 'DELIVERED', 'DEAD'],
  HELD: ['PENDING', 'DEAD'],
  DEAD: ['PENDING'],
  DELIVERED: ['PENDING'],
};
const UNTRIED: readonly string[] = ['unauthorised', 'skipped', 'deleted'];

/** The next state, or undefined when the step is illegal. */
function next(from: Model, step: Step): Model | undefined {
  const isReplay = (from.state === 'DEAD' || from.state === 'DELIVERED') && step.to === 'PENDING';
  if (step.to !== from.state && !WAYS[from.state].includes(step.to)) return undefined;
  if (step.generation !== (isReplay ? 1 : 0)) return undefined;
  const attempts = Math.max(0, from.attempts + step.attempts);
  if (attempts < from.attempts && !isReplay) return undefined;
  // The step takes a new lease, and whoever holds one keeps it.
  if (step.to === 'LEASED' && from.state === 'LEASED') return undefined;
  const isUntried = from.state === 'PENDING' || from.state === 'HELD';
  if (step.to === 'DEAD' && isUntried && !UNTRIED.includes(step.reason)) return undefined;
  const ended = from.state === step.to && (from.state === 'DEAD' || from.state === 'DELIVERED');
  if (ended && (attempts !== from.attempts || (from.state === 'DEAD' && step.reason !== from.deadReason)))
    return undefined;
  return {
    state: step.to,
    attempts,
    generation: from.generation + step.generation,
    deadReason: step.to === 'DEAD' ? step.reason : null,
  };
}

let database: TestDatabase;
let owner: Sql;
let workers: Sql;
let endpointKey: number;
let seq = 0;
beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner', 1);
  workers = database.as('bridgework_workers', 1);
  const registry = database.as('bridgework_integration', 1);
  const integrationKey = await activeIntegration(registry, 'Partner', ['webhook:receive']);
  const [row] = await registry`insert into integration.webhook_endpoints (integration_key, name, url, created_by)
    values (${integrationKey}, 'e', 'https://x/y', 'user a') returning key`;
  endpointKey = Number(row?.key);
});
afterAll(() => database.drop());

async function make(): Promise<number> {
  seq += 1;
  const [event] = await owner<{ id: string }[]>`
    insert into outbox.events (type, entity_type, entity_id, data) values ('visit.completed', 'visit', 'vis_x', '{}')
    returning id`;
  const [row] = await workers`insert into integration.deliveries (event_id, event_type, entity_id, endpoint_key, seq)
    values (${event?.id ?? ''}, 'visit.completed', 'vis_x', ${endpointKey}, ${seq}) returning key`;
  return Number(row?.key);
}

const take = (key: number, step: Step) => workers`
  update integration.deliveries set state = ${step.to}, attempts = greatest(attempts + ${step.attempts}, 0),
    generation = generation + ${step.generation},
    lease_token = ${step.to === 'LEASED' ? workers`gen_random_uuid()` : null},
    lease_expires_at = ${step.to === 'LEASED' ? workers`now()` : null},
    dead_reason = ${step.to === 'DEAD' ? step.reason : null},
    delivered_at = case when ${step.to} = 'DELIVERED' and state <> 'DELIVERED' then now() else delivered_at end
  where key = ${key}`;

const anyStep: fc.Arbitrary<Step> = fc.record({
  to: fc.constantFrom(...STATES),
  reason: fc.constantFrom(...REASONS),
  attempts: fc.constantFrom(0, 0, 1, -1),
  generation: fc.constantFrom(0, 0, 1, 2),
});
/** Chance alone hardly ever meets the narrow way of a replay. */
const replay: fc.Arbitrary<Step> = anyStep.map((step) => ({ ...step, to: 'PENDING', generation: 1, attempts: 0 }));

test('over random steps a delivery is where the model says; what the model forbids the database refuses', async () => {
  const seen = new Set<string>();
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 4, arbitrary: anyStep }, replay), { minLength: 10, maxLength: 25 }),
      async (steps) => {
        const key = await make();
        let model: Model = { state: 'PENDING', attempts: 0, generation: 1, deadReason: null };
        for (const step of steps) {
          const wanted = next(model, step);
          const done = await take(key, step).then(
            () => true,
            (error: { code: string }) => {
              expect(error.code).toBe('BW002');
              return false;
            },
          );
          expect([model, step, done]).toEqual([model, step, wanted !== undefined]);
          if (wanted === undefined) refused += 1;
          else {
            seen.add(`${model.state}>${wanted.state}`);
            model = wanted;
          }
          const [row] = await workers`select state, attempts, generation, dead_reason as "deadReason"
          from integration.deliveries where key = ${key}`;
          expect(row).toEqual(model);
        }
      },
    ),
    { numRuns: 60 },
  );
  for (const [from, targets] of Object.entries(WAYS)) for (const to of targets) expect(seen).toContain(`${from}>${to}`);
  expect(refused).toBeGreaterThan(100);
}, 60_000);
