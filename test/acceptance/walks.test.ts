import type { ISql, Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import type { Partner } from '../support/partner.ts';

const SLOTS = 30;
const DAY_MS = 86_400_000;
let clinic: Clinic;
let partner: Partner;
let ids: string[];

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  partner = await clinic.partner({ scopes: ['read:appointments'] });
  ids = await Promise.all(Array.from({ length: SLOTS }, (_, slot) => book(slot)));
});
afterAll(() => clinic?.close());

/** An appointment in a slot that is free: each has a day of its own, far ahead. */
async function book(slot: number): Promise<string> {
  const startsAt = new Date(Date.now() + (400 + slot) * DAY_MS);
  const [row] = await clinic.core<{ id: string }[]>`
    insert into appointment.appointments (patient_id, provider_id, chair_id, starts_at, ends_at)
    select (select id from appointment.patients limit 1), (select id from appointment.providers limit 1),
      (select id from appointment.chairs limit 1), ${startsAt},
      ${startsAt}::timestamptz + interval '20 minutes' returning id`;
  return row?.id ?? '';
}

const move = (sql: ISql, id: string) => sql`
  update appointment.appointments set starts_at = starts_at + interval '1 minute', ends_at = ends_at + interval '1 minute'
  where id = ${id}`;

interface Seen {
  readonly id: string;
  readonly updated_at: string;
  readonly sequence: number;
}

/** One walk to its end, and where the next begins. `between` runs after each page. */
async function walk(since: string, between: () => Promise<unknown> = async () => undefined) {
  const seen: Seen[] = [];
  const nexts = new Set<string>();
  let path: string | null = `/appointments?limit=4&updated_since=${encodeURIComponent(since)}`;
  while (path !== null) {
    const { status, body, headers } = await partner.rest('GET', path);
    expect(status).toBe(200);
    seen.push(...body.data);
    nexts.add(body.next_updated_since);
    const link = /<\/api\/v1([^>]+)>; rel="next"/.exec(headers.get('link') ?? '');
    path = link?.[1] ?? null;
    expect(path !== null).toBe(body.has_more);
    await between();
  }
  expect(nexts.size).toBe(1);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  return { seen, next: [...nexts][0] ?? '' };
}

test('the next walk meets what was written before this one and committed after it', async () => {
  const [late = '', early = ''] = ids;
  const since = new Date(Date.now() - DAY_MS).toISOString();
  let first = { seen: [] as Seen[], next: '' };
  await clinic.core
    .begin(async (tx) => {
      await move(tx, late);
      await move(clinic.owner, early);
      first = await walk(since);
      throw new Error('rolled back');
    })
    .catch(() => undefined);
  await clinic.core.begin(async (tx) => {
    await move(tx, late);
    await move(clinic.owner, early);
    first = await walk(first.next);
  });
  const second = await walk(first.next);
  const [row] = await clinic.owner<{ sequence: number }[]>`
    select sequence from appointment.appointments where id = ${late}`;
  expect(second.seen.find(({ id }) => id === late)?.sequence).toBe(row?.sequence);
});

test('a row that is changed under the walker comes once in this walk, and in the next as it is by then', async () => {
  const since = new Date(Date.now() - DAY_MS).toISOString();
  let moved = '';
  const first = await walk(since, async () => {
    if (moved !== '') return;
    moved = ids.at(-1) ?? '';
    for (const id of ids.slice(0, 3)) await move(clinic.owner, id);
    await move(clinic.owner, moved);
  });
  const second = await walk(first.next);
  const together = new Map([...first.seen, ...second.seen].map((one) => [one.id, one.sequence]));
  const rows = await clinic.owner<
    Seen[]
  >`select id, sequence from appointment.appointments where id in ${clinic.owner(ids)}`;
  for (const { id, sequence } of rows) expect(together.get(id)).toBe(sequence);
});

test('a copy that is kept by walks equals the clinic, while eight writers change, hold back and roll back', async () => {
  const writers = Array.from({ length: 8 }, () => clinic.owner);
  const until = Date.now() + 4000;
  let random = 7;
  const chance = (of: number) => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return random % of;
  };
  const write = async (sql: Sql, writer: number) => {
    for (let turn = 0; Date.now() < until; turn += 1) {
      const id = ids[(writer * 4 + (turn % 4)) % SLOTS] ?? '';
      const rollsBack = chance(5) === 0;
      await sql
        .begin(async (tx) => {
          await move(tx, id);
          await tx`select pg_sleep(${chance(40) / 1000})`;
          if (rollsBack) throw new Error('changed my mind');
        })
        .catch(() => undefined);
    }
  };
  const writing = Promise.all(writers.map(write));
  const copy = new Map<string, Seen>();
  let since = '2020-01-01T00:00:00Z';
  let walks = 0;
  const keep = async () => {
    const { seen, next } = await walk(since);
    for (const one of seen) copy.set(one.id, one);
    expect(Date.parse(next)).toBeGreaterThanOrEqual(Date.parse(since));
    since = next;
    walks += 1;
  };
  while (Date.now() < until) await keep();
  await writing;
  const [newest] = await clinic.owner<{ at: Date }[]>`select max(updated_at) as at from appointment.appointments`;
  while (Date.parse(since) <= Number(newest?.at)) await keep();
  const rows = await clinic.owner<
    { id: string; sequence: number }[]
  >`select id, sequence from appointment.appointments`;
  expect(walks).toBeGreaterThan(3);
  expect(new Map([...copy.values()].map(({ id, sequence }) => [id, sequence]))).toEqual(
    new Map(rows.map(({ id, sequence }) => [id, sequence])),
  );
});
