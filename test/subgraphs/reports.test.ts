import { subgraph } from '@bridgework/appointment';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPeriods, rangeOf } from '../../subgraphs/appointment/src/reports/report-range.ts';
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
  // Seven in each of the weeks around the first of July 2024, a Monday.
  for (const monday of ['2024-06-17', '2024-06-24', '2024-07-01', '2024-07-08']) {
    for (let n = 0; n < 7; n += 1) {
      const at = Date.parse(`${monday}T06:00:00Z`) + n * 3_600_000;
      await core`insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
        values (${patients[n]?.id ?? ''}, ${clinic.providerIds[0]}, ${clinic.chairIds[0]}, ${new Date(at)}, ${new Date(at + 30 * 60_000)})`;
    }
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
  // The totals that it could be computed from are hidden with it: of the provider, and of the week.
  expect(shown).toEqual([9, 9, 9, 'hidden', 'hidden']);
  expect(rows.at(-1)?.cells.map(({ suppressed }) => suppressed)).toEqual([false, false, false, true, true]);
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

test('a week that begins or ends with a month is not shown, nor a sum of weeks with it', async () => {
  const weeks = await ask('DAILY_APPOINTMENTS', '2024-06-17', '2024-07-14');
  const ofAll = weeks.rows.at(-1)?.cells.map(({ period, suppressed }) => [period, suppressed]);
  expect(ofAll).toEqual([
    ['2024-06-17', false],
    ['2024-06-24', true],
    ['2024-07-01', true],
    ['2024-07-08', false],
    [null, true],
  ]);
  const months = await ask('DAILY_APPOINTMENTS', '2024-06-01', '2024-07-31');
  expect(months.rows.at(-1)?.cells.map(({ count }) => count)).toEqual([14, 14, 28]);
});

test('each cell is shown or hidden the same in every range, however wide', async () => {
  const wide = await ask('DAILY_APPOINTMENTS', '2026-02-02', '2026-03-01');
  for (const week of [0, 1, 2, 3]) {
    const monday = new Date(Date.parse('2026-02-02') + week * 7 * 86_400_000);
    const [from, to] = [monday, new Date(monday.getTime() + 6 * 86_400_000)].map((day) =>
      day.toISOString().slice(0, 10),
    );
    const narrow = await ask('DAILY_APPOINTMENTS', from ?? '', to ?? '');
    for (const { provider, cells } of narrow.rows) {
      expect(wide.rows.find((row) => row.provider?.id === provider?.id)?.cells[week]).toEqual(cells[0]);
    }
  }
});

describe('over all reports of all ranges, in weeks and in months, put together', () => {
  const FIRST = '2024-02-26';
  const LAST = '2024-09-29';
  const DAY_MS = 86_400_000;
  const iso = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  /** Where a week or a month begins: between two of them lies what no report cuts. */
  const cuts: string[] = [];
  for (let at = Date.parse(FIRST); at <= Date.parse(LAST) + DAY_MS; at += DAY_MS) {
    if (new Date(at).getUTCDay() === 1 || iso(at).endsWith('-01')) cuts.push(iso(at));
  }
  const pieces = cuts.slice(0, -1);
  const mondays = cuts.filter((day) => new Date(day).getUTCDay() === 1);
  const firsts = cuts.filter((day) => day.endsWith('-01'));
  const nextOf = (days: readonly string[], day: string) => days[days.indexOf(day) + 1] ?? '';
  const within = (from: string, end: string) => pieces.flatMap((day, at) => (day >= from && day < end ? [at] : []));

  /** Everything that is ever published of this clinic, and what is not, as sums of pieces of single providers. */
  function publish(patients: readonly (readonly number[])[], random: ReturnType<typeof randomFrom>) {
    const shown: number[][] = [];
    const hidden: { sum: number[]; patients: number; name: string }[] = [];
    const add = (days: readonly string[]) => {
      const one = random.int(0, days.length - 2);
      const two = random.int(one, days.length - 2);
      const [from, end] = [days[one] ?? '', days[two + 1] ?? ''];
      const range = rangeOf(from, iso(Date.parse(end) - DAY_MS), '2026-01-01');
      const periods = range.periods.map((day) => within(day, nextOf(days, day)));
      const columns = [...periods, periods.flat()];
      const providers = [...patients.keys()].map((at) => [at]);
      const lines = [...providers, providers.flat()];
      const countOf = (line: readonly number[], column: readonly number[]) =>
        line.reduce((sum, who) => sum + column.reduce((part, piece) => part + (patients[who]?.[piece] ?? 0), 0), 0);
      const table = lines.map((line) =>
        columns.map((column): Cell => ({ count: countOf(line, column), patients: countOf(line, column) })),
      );
      const isHidden = suppress(table, closedPeriods(range));
      lines.forEach((line, row) => {
        columns.forEach((column, place) => {
          const sum = Array.from({ length: patients.length * pieces.length }, () => 0);
          for (const who of line) for (const piece of column) sum[who * pieces.length + piece] = 1;
          if (isHidden[row]?.[place] === false) shown.push(sum);
          else
            hidden.push({
              sum,
              patients: countOf(line, column),
              name: `${line} ${range.unit} ${place} of ${from}…${end}`,
            });
        });
      });
    };
    for (let times = 0; times < 40; times += 1) add(times % 2 === 0 ? mondays : firsts);
    return { shown, hidden };
  }

  test('nothing of one to four patients can be computed, nor a part of a week', () => {
    let small = 0;
    for (let seed = 0; seed < 25; seed += 1) {
      const random = randomFrom(seed);
      const crowded = random.int(2, 12);
      const patients = Array.from({ length: random.int(1, 3) }, () =>
        pieces.map(() => (random.chance(0.15) ? random.int(0, 4) : random.int(0, crowded))),
      );
      const { shown, hidden } = publish(patients, random);
      const follows = spanOf(shown);
      for (const { sum, patients: count, name } of hidden) {
        if (count === 0 || count >= MIN_PATIENTS) continue;
        small += 1;
        expect(follows(sum), `seed ${seed}: ${name}`).toBe(false);
      }
      patients.forEach((_, who) => {
        pieces.forEach((day, piece) => {
          // A whole week, or a month, is what reports are about.
          if (mondays.includes(day) && mondays.includes(nextOf(cuts, day))) return;
          const sum = Array.from({ length: patients.length * pieces.length }, (_none, at) =>
            Number(at === who * pieces.length + piece),
          );
          expect(follows(sum), `seed ${seed}: ${day} of ${who}`).toBe(false);
        });
      });
      expect(shown.every(follows)).toBe(true);
    }
    expect(small).toBeGreaterThan(1_000);
  });
});

/** Whether a sum follows from others by adding and subtracting: Gaussian elimination, modulo a prime. */
function spanOf(sums: readonly (readonly number[])[]): (sum: readonly number[]) => boolean {
  const PRIME = 65_521;
  const inverse = (value: number) => {
    let [result, base, power] = [1, value, PRIME - 2];
    for (; power > 0; power = Math.floor(power / 2)) {
      if (power % 2 === 1) result = (result * base) % PRIME;
      base = (base * base) % PRIME;
    }
    return result;
  };
  const basis = new Map<number, number[]>();
  const reduce = (sum: readonly number[]): number[] => {
    const rest = [...sum];
    for (const [pivot, row] of basis) {
      const factor = rest[pivot] ?? 0;
      if (factor === 0) continue;
      row.forEach((value, at) => {
        rest[at] = ((rest[at] ?? 0) + (PRIME - factor) * value) % PRIME;
      });
    }
    return rest;
  };
  for (const sum of sums) {
    const rest = reduce(sum);
    const pivot = rest.findIndex((value) => value !== 0);
    if (pivot === -1) continue;
    const scale = inverse(rest[pivot] ?? 1);
    const row = rest.map((value) => (value * scale) % PRIME);
    for (const [other, known] of basis) {
      const factor = known[pivot] ?? 0;
      if (factor !== 0)
        basis.set(
          other,
          known.map((value, at) => (value + (PRIME - factor) * (row[at] ?? 0)) % PRIME),
        );
    }
    basis.set(pivot, row);
  }
  return (sum) => reduce(sum).every((value) => value === 0);
}
