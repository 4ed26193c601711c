import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type MigrateOptions, migrate } from '@bridgework/kernel/migrate';
import { seedSmallClinic } from '@bridgework/launcher';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type FilledRegistry, fillRegistry } from './landed-states/fill-registry.ts';
import { createLandedDatabase, LANDED_STATES, migrationsAfter } from './landed-states/landed-states.ts';
import { asBefore, type RowsByTable, readRows } from './landed-states/read-rows.ts';

const optionsFor = ({ ownerUrl }: TestDatabase): MigrateOptions => ({
  ownerUrl,
  environment: 'sandbox',
  rolePasswords: inject('cluster').rolePasswords,
  connectionLimit: 100,
});

describe.each(LANDED_STATES)('a database of the landed state $name, with a clinic and a partner in it', (state) => {
  let database: TestDatabase;
  let owner: Sql;
  let before: RowsByTable;
  let partner: FilledRegistry;
  let clinic: Clinic;

  beforeAll(async () => {
    database = await createLandedDatabase(state);
    owner = database.as('owner', 1);
    await seedSmallClinic(database.ownerUrl, { now: new Date() });
    partner = await fillRegistry(database);
    before = await readRows(owner);
  });
  afterAll(() => clinic?.close() ?? database.drop());

  test('is filled in every part that a release must carry over', () => {
    const empty = [...before].filter(([, rows]) => rows.length === 0).map(([name]) => name);
    for (const table of CARRIED_OVER) expect(empty).not.toContain(table);
  });

  test('migrates to the newest state, and a second time does nothing', async () => {
    expect(await migrate(optionsFor(database))).toEqual(migrationsAfter(state));
    expect(await migrate(optionsFor(database))).toEqual([]);
  });

  test('has every row it had, as it was', async () => {
    const after = await readRows(owner);
    for (const table of before.keys()) {
      const texts = asBefore(table, before, after);
      expect(texts.after, table).toEqual(texts.before);
    }
  });

  test.each(Object.entries(INVARIANTS))('holds: %s', async (_promise, violations) => {
    expect([...(await owner.unsafe(violations))]).toEqual([]);
  });

  test('gives the next row of every table a key that is free', async () => {
    const identities = await owner<{ name: string; sequence: string }[]>`
      select format('%I.%I', n.nspname, c.relname) as name,
        pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) as sequence
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where a.attidentity <> '' and not c.relispartition and c.relkind in ('r', 'p')`;
    for (const { name, sequence } of identities) {
      const [row] = await owner.unsafe(
        `select nextval('${sequence}') > (select coalesce(max(key), 0) from ${name}) as free`,
      );
      expect(row?.free, name).toBe(true);
    }
  });

  test('still refuses to change what is append-only', async () => {
    for (const table of ['billing.payments', 'audit.entries', 'integration.deliveries', 'outbox.events']) {
      await expect(owner.unsafe(`delete from ${table}`), table).rejects.toMatchObject({ code: 'BW001' });
      await expect(owner.unsafe(`truncate ${table} cascade`), table).rejects.toMatchObject({ code: 'BW001' });
    }
  });

  test('is read by the product: calendar, money, stock, deliveries with attempts, audit', async () => {
    clinic = await startClinic({ database, simulator: false });
    const answer = await clinic.huda.run(READS, { endpoint: partner.endpointId });
    expect(answer.appointments.edges.length).toBeGreaterThan(0);
    expect(answer.visits.edges.length).toBeGreaterThan(0);
    expect(answer.integrations.edges.map(({ node }: { node: { id: string } }) => node.id)).toContain(
      partner.integrationId,
    );
    const deliveries = answer.deliveries.edges.map(({ node }: { node: Record<string, unknown> }) => node);
    expect(deliveries.map(({ seq, status }: Record<string, unknown>) => [seq, status]).toSorted()).toEqual([
      [1, 'DELIVERED'],
      [2, 'DEAD'],
      [3, 'HELD'],
    ]);
    expect(deliveries.flatMap(({ attempts }: Record<string, unknown>) => attempts)).toHaveLength(2);
    expect(answer.auditEntries.edges.length).toBeGreaterThan(1);
  });

  test('goes on: the partner’s endpoint is told of a new event, numbered from where the old ones stopped', async () => {
    const [added] = await clinic.core<{ id: string }[]>`
      insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
      select p.id, (select id from appointment.providers limit 1), (select id from appointment.chairs limit 1),
        '2031-01-01T08:00Z', '2031-01-01T08:30Z' from appointment.patients p limit 1 returning id`;
    await expect
      .poll(() => owner`select seq from integration.deliveries where entity_id = ${added?.id ?? ''}`, {
        timeout: 10_000,
      })
      .toMatchObject([{ seq: '4' }]);
  });
});

const CARRIED_OVER = [
  'appointment.appointments',
  'appointment.visits',
  'billing.invoices',
  'billing.payments',
  'billing.installments',
  'inventory.stock_movements',
  'integration.tokens',
  'integration.documents',
  'integration.webhook_endpoints',
  'integration.deliveries',
  'integration.delivery_attempts',
  'outbox.events',
  'audit.entries',
  'audit.seals',
];

/** A promise, and the query that finds what breaks it. */
const INVARIANTS: Readonly<Record<string, string>> = {
  'what is paid is what payments add up to': `select i.id from billing.invoices i
    left join billing.payments p on p.invoice_id = i.id group by i.key
    having i.paid_minor <> coalesce(sum(p.amount_minor), 0)`,
  'what is on hand is what moved': `select i.id from inventory.items i
    left join inventory.stock_movements m on m.item_key = i.key group by i.key
    having i.on_hand <> coalesce(sum(m.quantity), 0)`,
  'installments add up to the invoice': `select i.id from billing.invoices i
    join billing.installments p on p.invoice_key = i.key group by i.key having sum(p.amount_minor) <> i.total_minor`,
  'an endpoint’s numbers have no gap': `select e.id from integration.webhook_endpoints e
    join integration.deliveries d on d.endpoint_key = e.key group by e.key
    having count(*) <> e.last_seq or min(d.seq) <> 1 or max(d.seq) <> e.last_seq`,
  'every delivery has its event and every attempt its delivery': `select d.id from integration.deliveries d
    where not exists (select 1 from outbox.events v where v.id = d.event_id)
    union all select a.key::text from integration.delivery_attempts a
    where not exists (select 1 from integration.deliveries d where d.key = a.delivery_key)`,
  'the audit’s chain is whole': 'select * from audit.verify()',
};

const READS = `query ($endpoint: ID!) {
  appointments(first: 5) { edges { node { id status patient { id invoices(first: 5) { edges { node { id status total { amountMinor } } } } } } } }
  visits(first: 5) { edges { node { id status } } }
  lowStockItems(first: 5) { edges { node { id sku onHand } } }
  integrations(first: 5) { edges { node { id name } } }
  deliveries(filter: { endpointId: $endpoint }, first: 5) { edges { node { seq status attempts { number outcome } } } }
  auditEntries(first: 20) { edges { node { id action } } }
}`;

describe('two processes that migrate one database at once', () => {
  const databases: TestDatabase[] = [];
  afterAll(() => Promise.all(databases.map((one) => one.drop())));

  test('do not collide on an empty one: one applies everything, the other nothing', async () => {
    const database = await createDatabase({ empty: true });
    databases.push(database);
    const [one, other] = (await migrateInTwoProcesses(database)).toSorted((a, b) => b.length - a.length);
    expect(one?.[0]).toBe('0001_base');
    expect(other).toEqual([]);
  });

  test.each(LANDED_STATES)('nor on one that stands at the landed state $name', async (state) => {
    const database = await createLandedDatabase(state);
    databases.push(database);
    const applied = await migrateInTwoProcesses(database);
    expect(applied.toSorted((a, b) => b.length - a.length)).toEqual([migrationsAfter(state), []]);
  });
});

const SCRIPT = fileURLToPath(new URL('./fixtures/migrate-database.ts', import.meta.url));

async function migrateInTwoProcesses(database: TestDatabase): Promise<readonly (readonly string[])[]> {
  const processes = [forkMigration(), forkMigration()];
  // Both have loaded everything before either is told to begin.
  await Promise.all(processes.map((one) => once(one, 'message')));
  return Promise.all(
    processes.map(async (one) => {
      const answered = once(one, 'message') as Promise<[{ applied?: readonly string[]; error?: string }]>;
      one.send(optionsFor(database));
      const [{ applied, error }] = await answered;
      if (applied === undefined) throw new Error(error);
      return applied;
    }),
  );
}

const forkMigration = (): ChildProcess =>
  fork(SCRIPT, {
    execArgv: ['--conditions=@bridgework/source', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH },
  });
