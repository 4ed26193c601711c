import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { activeIntegration } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const STATES = ['PENDING', 'LEASED', 'DELIVERED', 'DEAD', 'HELD'] as const;
type State = (typeof STATES)[number];

const ALLOWED: Readonly<Record<State, readonly State[]>> = {
  PENDING: ['LEASED', 'HELD', 'DEAD'],
  LEASED: ['PENDING', 'DELIVERED', 'DEAD'],
  HELD: ['PENDING', 'DEAD'],
  DEAD: ['PENDING'],
  DELIVERED: ['PENDING'],
};
/** How a delivery gets into a state. */
const WAY: Readonly<Record<State, readonly State[]>> = {
  PENDING: [],
  LEASED: ['LEASED'],
  DELIVERED: ['LEASED', 'DELIVERED'],
  DEAD: ['LEASED', 'DEAD'],
  HELD: ['HELD'],
};

let database: TestDatabase;
/** The role that writes deliveries; it has no other way in. */
let workers: Sql;
let owner: Sql;
let endpointKey: number;
let seq = 0;
let key = 0;

beforeAll(async () => {
  database = await createDatabase();
  workers = database.as('bridgework_workers');
  owner = database.as('owner', 1);
  const registry = database.as('bridgework_integration');
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
beforeEach(async () => {
  key = await make();
});

/** One step as the workers take it: with a lease, a reason, a time or the next generation where the state needs it. */
function step(state: State, delivery = key, deadReason = 'unauthorised') {
  const leased = state === 'LEASED';
  return workers`update integration.deliveries set state = ${state},
      lease_token = ${leased ? workers`gen_random_uuid()` : null}, lease_expires_at = ${leased ? workers`now()` : null},
      dead_reason = ${state === 'DEAD' ? deadReason : null},
      delivered_at = ${state === 'DELIVERED' ? workers`now()` : workers`delivered_at`},
      generation = generation + case when state in ('DEAD', 'DELIVERED') and ${state} = 'PENDING' then 1 else 0 end
    where key = ${delivery}`;
}
const change = (columns: Record<string, string | number | null>) =>
  workers`update integration.deliveries set ${workers(columns)} where key = ${key}`;
const refused = { code: 'BW002' };

describe('a delivery', () => {
  test.each(STATES)('that is %s goes only where its state allows', async (state) => {
    for (const target of STATES.filter((one) => one !== state)) {
      const delivery = await make();
      for (const way of WAY[state]) await step(way, delivery);
      if (ALLOWED[state].includes(target)) await step(target, delivery);
      else await expect(step(target, delivery), `${state} to ${target}`).rejects.toMatchObject(refused);
    }
  });

  test.each(['LEASED', 'DELIVERED', 'DEAD'])('is not born %s', async (state) => {
    await expect(
      owner`insert into integration.deliveries
          (event_id, event_type, entity_id, endpoint_key, seq, state, lease_token, lease_expires_at)
        values ('evt_y', 'visit.completed', 'vis_x', ${endpointKey}, 100000, ${state}, gen_random_uuid(), now())`,
    ).rejects.toMatchObject(refused);
  });

  test('begins a new generation with a replay and with nothing else', async () => {
    await expect(change({ generation: 2 })).rejects.toMatchObject(refused);
    await step('LEASED');
    await step('DELIVERED');
    await expect(change({ state: 'PENDING' })).rejects.toMatchObject(refused);
    await expect(change({ state: 'PENDING', generation: 3 })).rejects.toMatchObject(refused);
    await change({ state: 'PENDING', generation: 2, attempts: 0 });
  });

  test('keeps the attempts that were made', async () => {
    await change({ attempts: 2 });
    await expect(change({ attempts: 1 })).rejects.toMatchObject(refused);
  });

  test('is not taken from the worker that leases it', async () => {
    await step('LEASED');
    await expect(step('LEASED')).rejects.toMatchObject(refused);
  });

  test.each(['unauthorised', 'skipped', 'deleted'])(
    'that nobody tries dies %s, and of nothing that an attempt needs',
    async (reason) => {
      await expect(step('DEAD', key, 'exhausted')).rejects.toMatchObject(refused);
      await step('HELD');
      await expect(step('DEAD', key, 'poison')).rejects.toMatchObject(refused);
      await step('DEAD', key, reason);
    },
  );

  test('that has ended keeps its end', async () => {
    await step('LEASED');
    await step('DEAD', key, 'gone');
    await expect(change({ dead_reason: 'exhausted' })).rejects.toMatchObject(refused);
    await expect(change({ attempts: 5 })).rejects.toMatchObject(refused);
  });

  test('keeps its event, its endpoint and its number, whoever writes', async () => {
    const owner = database.as('owner');
    for (const what of [{ event_id: 'evt_z' }, { seq: 99_999 }, { entity_id: 'vis_y' }, { event_type: 'x' }]) {
      await expect(owner`update integration.deliveries set ${owner(what)} where key = ${key}`).rejects.toMatchObject(
        refused,
      );
    }
  });
});
