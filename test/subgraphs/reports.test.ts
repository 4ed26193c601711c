import { subgraph } from '@bridgework/appointment';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cell, MIN_PATIENTS, suppress } from '../../subgraphs/appointment/src/reports/suppress.ts';
import { type ClinicRows, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { randomFrom } from '../support/random.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const REPORT = `query ($kind: ActivityReportKind!, $from: Date!, $to: Date!) {
  activityReport(kind: $kind, from: $from, to: $to) { unit rows { provider { id } cells { period suppressed count rate } } } }`;

let database: TestDatabase;
let graph: SubgraphUnderTest;
let clinic: ClinicRows;
let core: Sql;

interface Cells {
  readonly provider: { readonly id: string } | null;
  readonly cells: readonly { period: string | null; suppressed: boolean; count: number | null; rate: number | null }[];
}
const ask = async (kind: string, from: string, to: string) =>
  (
    await graph.read<{ activityReport: { unit: string; rows: Cells[] } }>(partner('read:reports'), REPORT, {
      kind,
      from,
      to,
    })
  ).activityReport;

beforeAll(async () => {
  database = await createDatabase();
  core = database.as('core_app');
  clinic = await writeClinicRows(core);
  graph = openSubgraph(subgraph, database);
  const patients = await core<{ id: string }[]>`insert into appointment.patients (full_name)
    select 'Patient ' || n from generate_series(1, 40) as n returning id`;
  // Provider 0: 8 patients in each week of February; provider 1: 9 patients, but 3 in its last week.
  const book = async (provider: 0 | 1, week: number, count: number, status: string) => {
    for (let n = 0; n < count; n += 1) {
      const at = Date.parse('2026-02-02T06:00:00Z') + week * 7 * 86_400_000 + n * 3_600_000 + provider * 40 * 60_000;
      const [row] = await core<{ id: string }[]>`insert into appointment.appointments
          (patient_id, provider_id, chair_id, starts_at, ends_at)
        values (${patients[(week * 11 + n + provider * 17) % 40]?.id ?? ''}, ${clinic.providerIds[provider]},
          ${clinic.chairIds[provider]}, ${new Date(at)}, ${new Date(at + 30 * 60_000)}) returning id`;
      await core`update appointment.appointments set status = ${status} where id = ${row?.id ?? ''}`;
    }
  };
  for (const week of [0, 1, 2, 3]) {
    await book(0, week, 8, week === 0 ? 'NO_SHOW' : 'CANCELLED');
    await book(1, week, week === 3 ? 3 : 9, 'NO_SHOW');
  }
});
afterAll(async () => {
  await graph.close();
  await database.drop();
});

test('counts by provider and week, and hides what leads to few patients, with what it could be computed from', async () => {
  const { unit, rows } = await ask('DAILY_APPOINTMENTS', '2026-02-02', '2026-03-01');
  expect(unit).toBe('WEEK');
  const second = rows.find(({ provider }) => provider?.id === clinic.providerIds[1]);
  expect(second?.cells.map(({ period }) => period)).toEqual([
    '2026-02-02',
    '2026-02-09',
    '2026-02-16',
    '2026-02-23',
    null,
  ]);
  const shown = second?.cells.map(({ suppressed, count }) => (suppressed ? 'hidden' : count));
  expect(shown?.[3]).toBe('hidden');
  // One hidden cell would be the total without the others: another one is hidden with it.
  expect(shown?.filter((cell) => cell === 'hidden').length).toBeGreaterThan(1);
  for (const row of rows) {
    for (const cell of row.cells) expect(cell.suppressed).toBe(cell.count === null);
  }
});

test('tells of missed appointments as a share', async () => {
  const { rows } = await ask('NO_SHOW_RATE', '2026-02-01', '2026-02-28');
  expect(rows.at(-1)?.cells.at(-1)).toEqual({ period: null, suppressed: false, count: 38, rate: 1 });
});

test.each([
  ['part of a week', '2026-02-03', '2026-02-08'],
  ['part of a month', '2026-02-01', '2026-02-27'],
  ['a week that is not over', '2099-01-05', '2099-01-11'],
  ['an end before its beginning', '2026-03-01', '2026-02-28'],
  ['54 weeks', '2024-01-01', '2025-01-12'],
])('%s is refused', async (_name, from, to) => {
  const { errors } = await graph.run(partner('read:reports'), REPORT, { kind: 'VISIT_VOLUME', from, to });
  expect(errors?.[0]?.extensions?.code).toBe('VALIDATION_FAILED');
});

test('nobody without read:reports reads a report', async () => {
  const given = { kind: 'VISIT_VOLUME', from: '2026-02-01', to: '2026-02-28' };
  const { errors } = await graph.run(partner('read:appointments'), REPORT, given);
  expect(errors?.[0]?.extensions?.code).toBe('INSUFFICIENT_SCOPE');
});

test('whatever the table, no hidden cell stands alone in a line, and hidden cells together are of five patients', () => {
  for (let seed = 0; seed < 500; seed += 1) {
    const random = randomFrom(seed);
    const rows = random.int(1, 7);
    const columns = random.int(1, 9);
    const inner = Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => (random.chance(0.3) ? random.int(0, 6) : random.int(0, 60))),
    );
    const withTotals = inner.map((row) => [...row, row.reduce((sum, count) => sum + count, 0)]);
    const last = (withTotals[0] ?? []).map((_, at) => withTotals.reduce((sum, row) => sum + (row[at] ?? 0), 0));
    const table = [...withTotals, last].map((row) => row.map((count): Cell => ({ count, patients: count })));
    const hidden = suppress(table);
    const lines = [
      ...table.map((row, at) => row.map((cell, column) => ({ cell, isHidden: hidden[at]?.[column] === true }))),
      ...(table[0] ?? []).map((_, column) =>
        table.map((row, at) => ({ cell: row[column], isHidden: hidden[at]?.[column] === true })),
      ),
    ];
    for (const line of lines) {
      const closed = line.filter(({ isHidden }) => isHidden);
      for (const { cell, isHidden } of line) if ((cell?.patients ?? 0) < MIN_PATIENTS) expect(isHidden).toBe(true);
      if (closed.length === 0 || closed.length === line.length) continue;
      expect(closed.length, `seed ${seed}`).toBeGreaterThan(1);
      expect(closed.reduce((sum, { cell }) => sum + (cell?.patients ?? 0), 0)).toBeGreaterThanOrEqual(MIN_PATIENTS);
    }
  }
});
