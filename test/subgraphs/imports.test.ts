import { runNextImport, subgraph } from '@bridgework/appointment';
import type { Context, IntegrationCaller } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bookAppointment, type ClinicRows, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const IMPORT = `mutation ($input: ImportAppointmentsInput!, $idempotencyKey: String!) {
  importAppointments(input: $input, idempotencyKey: $idempotencyKey) {
    appointmentImport { id status rowCount processedCount importedCount unchangedCount errors { pointer code }
      metadata { name value } finishedAt } background replayed } }`;
const READ = `query ($id: ID!) { appointmentImport(id: $id) {
  id status rowCount processedCount importedCount unchangedCount errors { pointer code } } }`;

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let graph: SubgraphUnderTest;
let clinic: ClinicRows;
let worker: Context;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app');
  clinic = await writeClinicRows(core);
  graph = openSubgraph(subgraph, database);
  worker = {
    db: drizzle(database.as('bridgework_workers'), { casing: 'snake_case' }),
    caller: { kind: 'system', job: 'appointment.import' },
    now: () => new Date(),
    log: createLogger('test', { level: 'silent' }),
    requestId: newId('req'),
  };
});
afterAll(async () => {
  await graph.close();
  await database.drop();
});

const importer = () => partner('write:appointments');

/** Half an hour each, one after another; every import of the tests has a day of its own. */
let day = 0;
const nextDay = () => {
  day += 1;
  return Date.parse('2031-01-01T06:00:00Z') + day * 86_400_000;
};
const rowsFrom = (start: number, count: number, said: (position: number) => object = () => ({})) =>
  Array.from({ length: count }, (_, position) => ({
    externalId: `X-${start}-${position}`,
    patientId: clinic.patientId,
    providerId: clinic.providerIds[0],
    startsAt: new Date(start + position * 1_800_000).toISOString(),
    endsAt: new Date(start + (position + 1) * 1_800_000).toISOString(),
    ...said(position),
  }));

async function send(
  caller: IntegrationCaller,
  rows: readonly object[],
  { key = newId('req'), metadata = [] }: { key?: string; metadata?: readonly object[] } = {},
) {
  const { data, errors } = await graph.run(caller, IMPORT, { input: { rows, metadata }, idempotencyKey: key });
  const payload = data?.importAppointments as
    | { appointmentImport: { id: string }; background: boolean; replayed: boolean }
    | undefined;
  return { payload: payload ?? null, refusal: errors?.[0]?.extensions ?? null };
}

const bookedBy = async ({ integrationId }: IntegrationCaller) => {
  const [row] = await owner<{ count: number; scheduled: number; events: number }[]>`
    select count(*)::int as count, count(*) filter (where status = 'SCHEDULED' and source = 'IMPORT')::int as scheduled,
      (select count(*)::int from outbox.events where type = 'appointment.created' and entity_id in
        (select id from appointment.appointments where imported_by_integration_id = ${integrationId})) as events
    from appointment.appointments where imported_by_integration_id = ${integrationId}`;
  return row;
};
const auditOf = async ({ integrationId }: IntegrationCaller) =>
  (
    await owner<{ line: string }[]>`select concat_ws(' ', action, result, error_message) as line
      from audit.entries where integration_id = ${integrationId} order by key`
  ).map(({ line }) => line);

describe('an import of up to 50 rows', () => {
  test('books all of them at once, always as SCHEDULED, and is audited', async () => {
    const caller = importer();
    const notes = [{ name: 'دفعة', value: 'الصباح' }];
    const { payload } = await send(caller, rowsFrom(nextDay(), 10), { metadata: notes });
    expect(payload).toMatchObject({
      background: false,
      replayed: false,
      appointmentImport: {
        id: expect.stringMatching(/^imp_/),
        status: 'DONE',
        rowCount: 10,
        processedCount: 10,
        importedCount: 10,
        unchangedCount: 0,
        errors: [],
        metadata: notes,
        finishedAt: expect.any(String),
      },
    });
    expect(await bookedBy(caller)).toEqual({ count: 10, scheduled: 10, events: 10 });
    expect(await auditOf(caller)).toEqual(['appointment.import OK']);
  });

  test('changes nothing when it comes again, under the same key or another', async () => {
    const caller = importer();
    const rows = rowsFrom(nextDay(), 5);
    const first = await send(caller, rows, { key: 'k-1' });
    const again = await send(caller, rows, { key: 'k-1' });
    expect(again.payload).toEqual({ ...first.payload, replayed: true });
    const other = await send(caller, rows, { key: 'k-2' });
    expect(other.payload?.appointmentImport).toMatchObject({ status: 'DONE', importedCount: 0, unchangedCount: 5 });
    expect(await bookedBy(caller)).toMatchObject({ count: 5, events: 5 });
    expect(await auditOf(caller)).toEqual([
      'appointment.import OK',
      'appointment.import REPLAY',
      'appointment.import OK',
    ]);
    expect((await send(caller, rowsFrom(nextDay(), 1), { key: 'k-1' })).refusal?.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('is done once when it is sent ten times at the same moment', async () => {
    const caller = importer();
    const rows = rowsFrom(nextDay(), 3);
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(caller, rows, { key: 'ten' })));
    const done = answers.filter(({ payload }) => payload !== null);
    expect(new Set(done.map(({ payload }) => payload?.appointmentImport.id)).size).toBe(1);
    for (const { refusal } of answers) expect([undefined, 'IDEMPOTENCY_IN_PROGRESS']).toContain(refusal?.code);
    expect(await bookedBy(caller)).toMatchObject({ count: 3, events: 3 });
  });

  test('with a row at fault books none, and names every fault by pointer', async () => {
    const caller = importer();
    const rows = rowsFrom(nextDay(), 4, (position) =>
      position === 1 ? { patientId: 'pat_none' } : position === 3 ? { startsAt: '2020-01-01T08:00:00Z' } : {},
    );
    const { refusal } = await send(caller, rows);
    expect(refusal).toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [
        { pointer: '/rows/3', code: 'not-in-future' },
        { pointer: '/rows/1', code: 'patient-not-found' },
      ],
    });
    expect(await bookedBy(caller)).toMatchObject({ count: 0, events: 0 });
    expect(await auditOf(caller)).toEqual(['appointment.import REJECTED VALIDATION_FAILED']);
  });

  test('with other content for a known external id is refused: the clinic prevails', async () => {
    const caller = importer();
    const start = nextDay();
    await send(caller, rowsFrom(start, 2));
    const moved = rowsFrom(start, 2, (position) => (position === 0 ? { providerId: clinic.providerIds[1] } : {}));
    const { refusal } = await send(caller, moved, { key: 'moved' });
    expect(refusal).toMatchObject({
      code: 'CLINIC_AUTHORITATIVE',
      errors: [{ pointer: '/rows/0', code: 'clinic-authoritative' }],
    });
    // A decision of the clinic's is kept: the same key is answered alike.
    expect((await send(caller, moved, { key: 'moved' })).refusal).toMatchObject({
      code: 'CLINIC_AUTHORITATIVE',
      replayed: true,
    });
  });

  test('over a slot that the clinic has booked is refused as a whole', async () => {
    const caller = importer();
    const start = nextDay();
    await bookAppointment(core, clinic, {
      startsAt: new Date(start + 1_800_000).toISOString(),
      endsAt: new Date(start + 3_600_000).toISOString(),
    });
    const { refusal } = await send(caller, rowsFrom(start, 3));
    expect(refusal).toMatchObject({ code: 'SLOT_CONFLICT', errors: [{ pointer: '/rows/1', code: 'slot-conflict' }] });
    expect(await bookedBy(caller)).toMatchObject({ count: 0 });
  });

  test('that races others for the same slots leaves no overlap, and each loser learns why', async () => {
    const start = nextDay();
    const callers = Array.from({ length: 6 }, importer);
    const answers = await Promise.all(
      callers.map((caller, nth) =>
        send(
          caller,
          rowsFrom(start, 4, (p) => ({ externalId: `r-${nth}-${p}` })),
        ),
      ),
    );
    const codes = answers.map(({ refusal }) => refusal?.code ?? 'booked').toSorted();
    expect(codes).toEqual([...Array(5).fill('SLOT_CONFLICT'), 'booked'].toSorted());
    const [overlaps] = await owner<{ count: number }[]>`select count(*)::int as count
      from appointment.appointments a join appointment.appointments b on a.key < b.key and a.provider_id = b.provider_id
        and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)`;
    expect(overlaps?.count).toBe(0);
  });

  test.each([
    ['no rows', []],
    ['501 rows', Array.from({ length: 501 }, (_, n) => ({ n }))],
  ])('is refused with %s', async (_name, rows) => {
    const given = rows.length === 0 ? [] : rowsFrom(nextDay(), rows.length);
    expect((await send(importer(), given)).refusal?.code).toBe('VALIDATION_FAILED');
  });
});

describe('a larger import', () => {
  test('waits for a worker, which books all of it and writes down how it ended', async () => {
    const caller = importer();
    const start = nextDay();
    day += 10;
    const { payload } = await send(caller, rowsFrom(start, 120));
    expect(payload).toMatchObject({ background: true, appointmentImport: { status: 'RUNNING', processedCount: 0 } });
    expect(await bookedBy(caller)).toMatchObject({ count: 0 });
    expect(await runNextImport(worker)).toBe(true);
    const id = payload?.appointmentImport.id;
    expect(await graph.read(caller, READ, { id })).toMatchObject({
      appointmentImport: { status: 'DONE', rowCount: 120, processedCount: 120, importedCount: 120, errors: [] },
    });
    expect(await bookedBy(caller)).toEqual({ count: 120, scheduled: 120, events: 120 });
    expect(await auditOf(caller)).toEqual(['appointment.import_request OK', 'appointment.import OK']);
    const [kept] = await owner`select rows from appointment.imports where id = ${id ?? ''}`;
    expect(kept?.rows).toBeNull();
    expect(await runNextImport(worker)).toBe(false);
  });

  test('of 500 rows with bad ones changes nothing and names every one of them', async () => {
    const caller = importer();
    const start = nextDay();
    day += 20;
    const bad = new Map([
      [7, { providerId: 'prv_none' }],
      [260, { startsAt: new Date(start).toISOString(), endsAt: new Date(start + 60_000).toISOString() }],
      [499, { chairId: 'chr_none' }],
    ]);
    const { payload } = await send(
      caller,
      rowsFrom(start, 500, (position) => bad.get(position) ?? {}),
    );
    await runNextImport(worker);
    const read = await graph.read<{
      appointmentImport: { status: string; errors: { pointer: string; code: string }[] };
    }>(caller, READ, { id: payload?.appointmentImport.id });
    expect(read.appointmentImport).toMatchObject({ status: 'FAILED', importedCount: 0 });
    expect(read.appointmentImport.errors.map(({ pointer, code }) => `${pointer} ${code}`).toSorted()).toEqual([
      '/rows/260 slot-conflict',
      '/rows/499 chair-not-found',
      '/rows/7 provider-not-found',
    ]);
    expect(await bookedBy(caller)).toEqual({ count: 0, scheduled: 0, events: 0 });
    expect(await auditOf(caller)).toEqual([
      'appointment.import_request OK',
      'appointment.import REJECTED VALIDATION_FAILED',
    ]);
  });

  test('is carried out once by two workers at once, and shows how far it is meanwhile', async () => {
    const caller = importer();
    const start = nextDay();
    day += 20;
    const { payload } = await send(caller, rowsFrom(start, 300));
    const seen = new Set<number>();
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        const [row] = await owner<{ n: number }[]>`select processed_count as n from appointment.imports
          where id = ${payload?.appointmentImport.id ?? ''}`;
        if (row !== undefined) seen.add(row.n);
      }
    })();
    const runs = await Promise.all([runNextImport(worker), runNextImport(worker)]);
    watching.abort();
    await watch;
    expect(runs.toSorted()).toEqual([false, true]);
    expect(await bookedBy(caller)).toMatchObject({ count: 300, events: 300 });
    expect([...seen].some((n) => n > 0 && n < 300)).toBe(true);
  });

  test('that a worker left half done is done by the next, whole', async () => {
    const caller = importer();
    const start = nextDay();
    day += 10;
    await send(caller, rowsFrom(start, 100));
    const dying = new Error('killed');
    const doomed: Context = {
      ...worker,
      db: new Proxy(worker.db, {
        get(db, name) {
          // The progress is written beside the transaction, after the first batch: the worker dies there.
          if (name === 'execute') return () => Promise.reject(Object.assign(dying, { code: '57P01' }));
          return Reflect.get(db, name);
        },
      }),
    };
    await expect(runNextImport(doomed)).rejects.toThrow();
    expect(await bookedBy(caller)).toMatchObject({ count: 0 });
    expect(await runNextImport(worker)).toBe(true);
    expect(await bookedBy(caller)).toMatchObject({ count: 100, events: 100 });
  });
});

test('an import of another integration is as unknown as one that does not exist', async () => {
  const caller = importer();
  const { payload } = await send(caller, rowsFrom(nextDay(), 1));
  const id = payload?.appointmentImport.id;
  const foreign = await graph.run(importer(), READ, { id });
  const missing = await graph.run(importer(), READ, { id: newId('imp') });
  expect(foreign).toEqual(missing);
  expect(foreign).toEqual({ data: { appointmentImport: null } });
});

test('nobody without write:appointments imports', async () => {
  const { refusal } = await send(partner('read:appointments'), rowsFrom(nextDay(), 1));
  expect(refusal?.code).toBe('INSUFFICIENT_SCOPE');
});
