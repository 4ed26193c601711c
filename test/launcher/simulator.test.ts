import { createLogger } from '@bridgework/kernel/logger';
import { type Simulator, seedSmallClinic, startSimulator } from '@bridgework/launcher';
import { EVENT_TYPES } from '@bridgework/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let simulator: Simulator;

beforeAll(async () => {
  database = await createDatabase();
  await seedSmallClinic(database.ownerUrl, { now: new Date() });
  simulator = startSimulator({
    coreUrl: database.urlFor('core_app'),
    log: createLogger('simulator', { level: 'silent' }),
  });
});
afterAll(async () => {
  await simulator.close();
  await database.drop();
});

async function request(type: string): Promise<string> {
  const [row] = await database.as('owner')<{ id: string }[]>`
    insert into integration.core_event_requests (event_type, requested_by) values (${type}, 'user test#huda') returning id`;
  return row?.id ?? '';
}

const outcomeOf = (id: string) =>
  eventually(async () => {
    const [row] = await database.as('owner')<{ status: string; entity_id: string | null; error: string | null }[]>`
      select status, entity_id, error from integration.core_event_requests where id = ${id} and status <> 'PENDING'`;
    return row;
  });

test.each(EVENT_TYPES)('the core emits %s by a real change, again and again', async (type) => {
  for (let round = 0; round < 3; round += 1) {
    const outcome = await outcomeOf(await request(type));
    expect(outcome).toMatchObject({ status: 'DONE', error: null });
    const [event] = await database.as('owner')`
      select 1 from outbox.events where type = ${type} and entity_id = ${outcome?.entity_id ?? ''}`;
    expect(event).toBeDefined();
  }
});

test('a request that cannot be carried out says why and holds up no other', async () => {
  const unknown = await request('appointment.forgotten');
  const next = await request('appointment.created');
  expect(await outcomeOf(unknown)).toMatchObject({
    status: 'FAILED',
    error: 'The core knows no event appointment.forgotten.',
  });
  expect(await outcomeOf(next)).toMatchObject({ status: 'DONE' });
});
