import { subgraph, verifyExports } from '@bridgework/billing';
import type { Caller, Context } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import { createLogger } from '@bridgework/kernel/logger';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClinicRows, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { closeDay, daysBetween, issueOn, payAt } from '../support/ledger.ts';
import { manager, openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const FIELDS = `reportExport { id kind period sha256 previousSha256 position generatedBy formats } generatedEarlier replayed`;
const GENERATE = `mutation ($input: ReportExportInput!, $key: String!) {
  generateReportExport(input: $input, idempotencyKey: $key) { ${FIELDS} } }`;
const REQUEST = `mutation ($input: ReportExportInput!, $key: String!) {
  requestReportExport(input: $input, idempotencyKey: $key) { ${FIELDS} } }`;
const CONTENT = `query ($id: ID!, $format: ReportExportFormat!) {
  reportExportContent(id: $id, format: $format) { content byteSize sha256 } }`;

let database: TestDatabase;
let owner: Sql;
let core: Sql;
let clinic: ClinicRows;
let graph: SubgraphUnderTest;
let worker: Context;
let invoices: { sar: string; kwd: string; plan: string; void: string; jpy: string };

interface Made {
  readonly reportExport: {
    readonly id: string;
    readonly sha256: string;
    readonly previousSha256: string;
    readonly position: number;
  };
  readonly generatedEarlier: boolean;
  readonly replayed: boolean;
}

async function ask(kind: string, period: string, options: { caller?: Caller; key?: string } = {}) {
  const { caller = manager, key = newId('req') } = options;
  const text = caller.kind === 'user' ? GENERATE : REQUEST;
  const { data, errors } = await graph.run(caller, text, { input: { kind, period }, key });
  return {
    made: ((data?.generateReportExport ?? data?.requestReportExport) as Made | undefined) ?? null,
    refusal: errors?.[0]?.extensions ?? null,
  };
}
/** Asks again, as a partner does, when a lock could not be had in time: then nothing has happened. */
async function insist(kind: string, period: string) {
  for (;;) {
    const answer = await ask(kind, period);
    if (answer.refusal?.code !== 'TEMPORARILY_UNAVAILABLE') return answer;
  }
}
async function bytesOf(id: string, format: string): Promise<string> {
  const { data, errors } = await graph.run(manager, CONTENT, { id, format });
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  const file = data?.reportExportContent as { content: string } | null;
  return Buffer.from(file?.content ?? '', 'base64').toString('utf8');
}
const contentOf = async (made: Made | null) => JSON.parse(await bytesOf(made?.reportExport.id ?? '', 'JSON'));

/** The worked example of the clinic in Riyadh, with an installment plan, a void and a yen invoice beside it. */
beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  core = database.as('core_app');
  clinic = await writeClinicRows(core);
  graph = openSubgraph(subgraph, database);
  worker = {
    db: drizzle(database.as('bridgework_workers'), { casing: 'snake_case' }),
    caller: { kind: 'system', job: 'exports.verify' },
    now: () => new Date(),
    log: createLogger('test', { level: 'silent' }),
    requestId: newId('req'),
  };
  const plan = { issuedOn: '2026-03-01', dueOn: '2026-03-01' };
  invoices = {
    sar: await issueOn(core, clinic, { ...plan, currency: 'SAR', totalMinor: 300_000 }),
    kwd: await issueOn(core, clinic, { ...plan, currency: 'KWD', totalMinor: 20_000, dueOn: '2025-12-30' }),
    plan: await issueOn(core, clinic, {
      ...plan,
      currency: 'SAR',
      totalMinor: 100_000,
      installments: [
        { dueOn: '2026-01-30', amountMinor: 33_334 },
        { dueOn: '2026-02-27', amountMinor: 33_333 },
        { dueOn: '2026-04-30', amountMinor: 33_333 },
      ],
    }),
    void: await issueOn(core, clinic, { ...plan, currency: 'SAR', totalMinor: 77_700 }),
    jpy: await issueOn(core, clinic, { ...plan, currency: 'JPY', totalMinor: 5_000, dueOn: '2026-03-31' }),
  };
  await core`update billing.invoices set status = 'VOID', voided_on = '2026-03-02' where id = ${invoices.void}`;
  // Pays the first installment whole and a third of the second, on a day of its own.
  await payAt(core, {
    invoiceId: invoices.plan,
    currency: 'SAR',
    amountMinor: 44_445,
    method: 'TRANSFER',
    capturedAt: '2026-03-10T09:00:00Z',
  });
  await core`insert into billing.expenses (business_date, currency, amount_minor, category, description)
    values ('2026-03-05', 'SAR', 90000, 'rent', 'March'), ('2026-03-06', 'JPY', 700, 'material', 'Composite')`;
  for (const day of daysBetween('2026-03-01', '2026-03-30')) await closeDay(core, day);
  const sar = { invoiceId: invoices.sar, currency: 'SAR' };
  const card = { ...sar, method: 'CARD' as const };
  const booked = [
    await payAt(core, { ...sar, method: 'CASH', amountMinor: 15_000, capturedAt: '2026-03-31T06:00:00Z' }),
    await payAt(core, { ...card, amountMinor: 125_050, capturedAt: '2026-03-31T12:15:00Z' }),
    await payAt(core, { ...card, amountMinor: 30_000, capturedAt: '2026-03-30T21:00:00Z' }),
    await payAt(core, { ...card, amountMinor: 50_000, capturedAt: '2026-03-31T21:00:00Z' }),
    await payAt(core, {
      invoiceId: invoices.kwd,
      currency: 'KWD',
      method: 'CARD',
      amountMinor: 12_345,
      capturedAt: '2026-03-31T10:00:00Z',
    }),
    await payAt(core, { ...card, amountMinor: 40_000, capturedAt: '2026-03-29T10:00:00Z' }),
  ];
  expect(booked).toEqual(['2026-03-31', '2026-03-31', '2026-03-31', '2026-04-01', '2026-03-31', '2026-03-31']);
});
afterAll(async () => {
  await graph.close();
  await database.drop();
});

test('exists for closed periods alone', async () => {
  for (const [kind, period] of [
    ['DAILY_COLLECTED_REVENUE', '2026-03-31'],
    ['DAILY_COLLECTED_REVENUE', '2019-01-01'],
    ['MONTHLY_PROFIT_SUMMARY', '2026-03'],
    ['DEFERRED_RECEIVABLES_AGING', '2026-03-31'],
  ] as const) {
    expect((await ask(kind, period)).refusal?.code).toBe('PERIOD_OPEN');
  }
  const [row] = await owner<{ n: number }[]>`select count(*)::int as n from billing.exports`;
  expect(row?.n).toBe(0);
  await expect(
    database.as(
      'bridgework_billing',
      1,
    )`select billing.record_export('DAILY_COLLECTED_REVENUE', '2026-03-31', '{}', '{}', 'x',
      null, null)`,
  ).rejects.toMatchObject({ code: 'BW009' });
});

test.each([
  ['DAILY_COLLECTED_REVENUE', '2026-02-30'],
  ['DAILY_COLLECTED_REVENUE', '2026-03'],
  ['MONTHLY_PROFIT_SUMMARY', '2026-03-01'],
  ['MONTHLY_PROFIT_SUMMARY', '2026-13'],
])('%s of %s is no period', async (kind, period) => {
  expect((await ask(kind, period)).refusal).toMatchObject({ code: 'VALIDATION_FAILED' });
});

test('tells of a day what was collected on it, over midnight and late posting, in each currency by itself', async () => {
  await closeDay(core, '2026-03-31');
  const { made } = await ask('DAILY_COLLECTED_REVENUE', '2026-03-31');
  expect(made).toMatchObject({
    generatedEarlier: false,
    replayed: false,
    reportExport: { position: 1, previousSha256: '0'.repeat(64) },
  });
  const row = (currency: string, method: string, count: number, minor: number, amount: string) => ({
    business_date: '2026-03-31',
    currency,
    method,
    payment_count: count,
    amount_minor: minor,
    amount,
  });
  expect(await contentOf(made)).toEqual({
    kind: 'DAILY_COLLECTED_REVENUE',
    period: '2026-03-31',
    rows: [
      row('KWD', 'CARD', 1, 12_345, '12.345'),
      row('SAR', 'CARD', 3, 195_050, '1950.50'),
      row('SAR', 'CASH', 1, 15_000, '150.00'),
    ],
    late: [{ currency: 'SAR', payment_count: 1, amount_minor: 40_000, amount: '400.00' }],
  });
});

test('tells of a month what was collected and spent, cash basis', async () => {
  await core`select billing.close_month('2026-03-01', 'user test')`;
  const { made } = await ask('MONTHLY_PROFIT_SUMMARY', '2026-03');
  const { rows } = await contentOf(made);
  expect(rows).toMatchObject([
    { month: '2026-03', currency: 'JPY', collected_minor: 0, expenses_minor: 700, profit_minor: -700, profit: '-700' },
    { currency: 'KWD', collected: '12.345', expenses: '0.000', profit: '12.345' },
    { currency: 'SAR', collected_minor: 254_495, expenses_minor: 90_000, profit_minor: 164_495, profit: '1644.95' },
  ]);
});

test('tells of a day what is still owed, payments settling what is due first', async () => {
  const { made } = await ask('DEFERRED_RECEIVABLES_AGING', '2026-03-31');
  const { rows } = await contentOf(made);
  expect(rows).toMatchObject([
    { currency: 'JPY', invoice_count: 1, days_0_30_minor: 5_000, total_minor: 5_000 },
    // Due 91 days ago.
    { currency: 'KWD', invoice_count: 1, days_over_90_minor: 7_655, total_minor: 7_655, total: '7.655' },
    {
      as_of: '2026-03-31',
      currency: 'SAR',
      invoice_count: 2,
      // The third installment.
      not_yet_due_minor: 33_333,
      // The plain invoice, due 30 days ago: 300000 - 15000 - 195050.
      days_0_30_minor: 89_950,
      // The second installment, due 32 days ago: 66667 - 44445 of it left.
      days_31_60_minor: 22_222,
      days_61_90_minor: 0,
      days_over_90_minor: 0,
      total_minor: 145_505,
    },
  ]);
});

test('is generated once for ever, ten times at once and under any key', async () => {
  await closeDay(core, '2026-04-01');
  const period = ['DAILY_COLLECTED_REVENUE', '2026-04-01'] as const;
  const answers = await Promise.all(Array.from({ length: 10 }, () => insist(...period)));
  expect(new Set(answers.map(({ made }) => made?.reportExport.id)).size).toBe(1);
  expect(answers.filter(({ made }) => made?.generatedEarlier === false)).toHaveLength(1);
  const key = newId('req');
  const first = await ask(...period, { key });
  expect(first.made).toMatchObject({ generatedEarlier: true, replayed: false });
  expect((await ask(...period, { key })).made).toMatchObject({ generatedEarlier: true, replayed: true });
  const audits = await owner<{ result: string }[]>`select result from audit.entries
    where action = 'export.generate' and entity_id = ${first.made?.reportExport.id ?? ''} order by key`;
  expect(audits.map(({ result }) => result)).toEqual(['OK', ...Array(11).fill('REPLAY')]);
});

test('a partner with read:financials gets the same one, and is told of the clinic no more than that', async () => {
  const caller = partner('read:financials');
  const { made } = await ask('DAILY_COLLECTED_REVENUE', '2026-03-31', { caller });
  expect(made).toMatchObject({ generatedEarlier: true, reportExport: { generatedBy: 'clinic', position: 1 } });
  expect((await ask('DAILY_COLLECTED_REVENUE', '2026-03-31', { caller: partner('read:reports') })).refusal?.code).toBe(
    'INSUFFICIENT_SCOPE',
  );
});

test('no byte changes, whatever arrives after closing', async () => {
  const kept = await owner<
    { id: string; content: string }[]
  >`select id, content from billing.exports order by position`;
  const files = await owner`select export_key, format, sha256 from billing.export_files order by 1, 2`;
  // Late payments for closed days, a day that nobody had touched, an invoice, a void, an expense.
  const late = { invoiceId: invoices.sar, currency: 'SAR', amountMinor: 100, method: 'CARD' as const };
  for (const capturedAt of ['2026-03-31T10:00:00Z', '2026-02-11T10:00:00Z', '2020-05-05T10:00:00Z']) {
    expect(await payAt(core, { ...late, capturedAt })).toBe('2026-04-02');
  }
  await expect(
    issueOn(core, clinic, { currency: 'SAR', totalMinor: 1, issuedOn: '2026-03-01', dueOn: '2026-03-01' }),
  ).rejects.toMatchObject({ code: 'BW004' });
  await expect(
    core`insert into billing.expenses (business_date, currency, amount_minor, category, description)
      values ('2026-02-10', 'SAR', 1, 'x', 'x')`,
  ).rejects.toMatchObject({ code: 'BW004' });
  await core`update billing.invoices set status = 'VOID', voided_on = '2026-04-02' where id = ${invoices.jpy}`;
  expect([...(await owner`select id, content from billing.exports order by position`)]).toEqual([...kept]);
  expect([...(await owner`select export_key, format, sha256 from billing.export_files order by 1, 2`)]).toEqual([
    ...files,
  ]);
  expect(await verifyExports(worker)).toEqual({ verified: kept.length, faults: [] });
});

test('an export is chained to the one before it', async () => {
  const rows = await owner<{ position: string; content_sha256: string; previous_sha256: string }[]>`
    select position, content_sha256, previous_sha256 from billing.exports order by position`;
  rows.forEach((row, at) => {
    expect(Number(row.position)).toBe(at + 1);
    expect(row.previous_sha256).toBe(rows[at - 1]?.content_sha256 ?? '0'.repeat(64));
  });
});

test('every download leaves its own row, ten at once too; an unknown export is refused and audited', async () => {
  const [row] = await owner<{ id: string }[]>`select id from billing.exports limit 1`;
  const id = row?.id ?? '';
  const count = async () => {
    const [found] = await owner<{ n: number }[]>`select count(*)::int as n from audit.entries
      where action = 'export.download' and entity_id = ${id} and result = 'OK'`;
    return found?.n ?? 0;
  };
  const before = await count();
  await Promise.all(Array.from({ length: 10 }, () => bytesOf(id, 'CSV')));
  expect(await count()).toBe(before + 10);
  const unknown = newId('exp');
  expect(await graph.run(manager, CONTENT, { id: unknown, format: 'PDF' })).toEqual({
    data: { reportExportContent: null },
  });
  expect([...(await owner`select result from audit.entries where entity_id = ${unknown}`)]).toEqual([
    { result: 'REJECTED' },
  ]);
});

test('a kept export that was altered is found by the daily comparison, and managers are told once', async () => {
  const [victim] = await owner<{ id: string }[]>`select id from billing.exports where position = 2`;
  // The superuser alone can do this, by switching the table's guards off.
  await owner`alter table billing.exports disable trigger user`;
  await owner`update billing.exports set content = replace(content, '164495', '264495'),
    content_sha256 = encode(sha256(convert_to(replace(content, '164495', '264495'), 'UTF8')), 'hex') where position = 2`;
  await owner`alter table billing.exports enable trigger user`;
  const { faults } = await verifyExports(worker);
  expect(faults).toEqual([
    { id: victim?.id, fault: 'recomputed-otherwise' },
    // The one behind it still names what it was.
    { id: expect.any(String), fault: 'chain-broken' },
  ]);
  await verifyExports(worker);
  const alerts = await owner`select entity_id from integration.alerts where kind = 'export.altered' order by key`;
  expect(alerts).toHaveLength(2);
  expect(alerts[0]).toEqual({ entity_id: victim?.id });
});
