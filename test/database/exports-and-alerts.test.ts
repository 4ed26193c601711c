import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { activeIntegration, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let owner: Sql;
let billing: Sql;
beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner', 1);
  billing = database.as('bridgework_billing', 12);
  const core = database.as('core_app', 1);
  await writeClinicRows(core);
  for (const day of ['2026-01-04', '2026-01-05']) await core`select billing.close_business_day(${day}, 'user m')`;
});
afterAll(() => database.drop());

const record = (period: string, content = '{}', kind = 'DAILY_COLLECTED_REVENUE') =>
  billing<{ exportId: string; fresh: boolean }[]>`
    select export_id as "exportId", fresh from billing.record_export(${kind}, ${period}, ${content},
      ${billing.json({ JSON: Buffer.from(content).toString('base64') })}, 'user m', null, 'req_x')`.then(
    ([row]) => row,
  );

describe('an export', () => {
  test('is made of a closed period alone', async () => {
    await expect(record('2026-02-01')).rejects.toMatchObject({ code: 'BW009' });
    await expect(record('2026-01-01', '{}', 'MONTHLY_PROFIT_SUMMARY')).rejects.toMatchObject({ code: 'BW009' });
  });

  test('of one period and kind is made once, however many ask at once, and the first stays', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, at) => record('2026-01-04', `{"n":${at}}`)));
    expect(new Set(answers.map((one) => one?.exportId)).size).toBe(1);
    expect(answers.filter((one) => one?.fresh)).toHaveLength(1);
    const rows = await owner`select count(*)::integer as count from audit.entries where action = 'export.generate'`;
    expect(rows[0]).toEqual({ count: 1 });
    const files = await owner`select format, f.content = convert_to(e.content, 'UTF8') as same
      from billing.export_files f join billing.exports e on e.key = f.export_key`;
    expect([...files]).toEqual([{ format: 'JSON', same: true }]);
  });

  test('names the one before it, so that one taken out shows', async () => {
    await record('2026-01-05', '{"n":"second"}');
    const chain =
      await owner`select position::integer, previous_sha256 = coalesce(lag(content_sha256) over (order by position),
      repeat('0', 64)) as follows from billing.exports order by position`;
    expect([...chain]).toEqual([
      { position: 1, follows: true },
      { position: 2, follows: true },
    ]);
  });
});

describe('an alert', () => {
  const raise = (by: Sql, entityId: string, window = '1 hour') =>
    by<{ id: string | null }[]>`select integration.raise_alert('endpoint.failing', 'endpoint', ${entityId}, 'x',
      ${window}::interval) as id`.then(([row]) => row?.id ?? null);

  test('is raised once for a thing and a window, whoever raises it and however often at once', async () => {
    const workers = database.as('bridgework_workers', 12);
    const raised = await Promise.all(
      Array.from({ length: 200 }, (_, at) => raise(at % 2 === 0 ? workers : billing, 'whe_once')),
    );
    expect(raised.filter((id) => id !== null)).toHaveLength(1);
    expect(await raise(workers, 'whe_other')).toMatch(/^alr_/);
  });

  test('is raised again when its window has passed', async () => {
    await raise(owner, 'whe_again');
    await owner.begin(async (tx) => {
      await tx`set local session_replication_role = 'replica'`;
      await tx`update integration.alerts set raised_at = raised_at - interval '61 minutes', window_number = window_number - 2
        where entity_id = 'whe_again'`;
    });
    expect(await raise(owner, 'whe_again')).toMatch(/^alr_/);
  });

  test('is acknowledged once', async () => {
    const registry = database.as('bridgework_integration', 1);
    const acknowledge = (by: string) => registry`update integration.alerts
      set acknowledged_at = now(), acknowledged_by = ${by} where entity_id = 'whe_once'`;
    await acknowledge('user a');
    await expect(acknowledge('user b')).rejects.toMatchObject({ code: 'BW002' });
  });
});

describe('a message', () => {
  const queue = (version: string) => database.as('bridgework_workers', 1)`
    insert into integration.messages (channel, template, locale, entity, entity_id, patient_id, entity_version, send_until)
    values ('SMS', 'reminder', 'ar', 'appointment', 'apt_x', 'pat_x', ${version}, now() + interval '1 day')`;
  const move = (version: string, status: string, reason: string | null = null) => database.as('bridgework_workers', 1)`
    update integration.messages set status = ${status}, status_reason = ${reason} where entity_version = ${version}`;

  test('is one for each version of what it reminds of', async () => {
    await queue('1');
    await expect(queue('1')).rejects.toMatchObject({ code: '23505' });
    await queue('2');
  });

  test('ends in one final state', async () => {
    await move('1', 'SENT');
    await move('1', 'DELIVERED');
    await expect(move('1', 'FAILED', 'late')).rejects.toMatchObject({ code: 'BW002' });
    await expect(move('2', 'DELIVERED')).rejects.toMatchObject({ code: 'BW002' });
    await expect(move('2', 'SUPPRESSED')).rejects.toMatchObject({ code: '23514' });
    await move('2', 'SUPPRESSED', 'opted-out');
  });
});

test('a redrive only goes on, and stays what was asked', async () => {
  const registry = database.as('bridgework_integration', 1);
  const workers = database.as('bridgework_workers', 1);
  const key = await activeIntegration(registry, 'Partner', ['read:appointments', 'webhook:receive']);
  await registry`insert into integration.redrives (integration_key, matched_count, last_key, requested_by)
    values (${key}, 5, 50, 'user m')`;
  await workers`update integration.redrives set replayed_count = 3, done_until_key = 30`;
  await expect(workers`update integration.redrives set done_until_key = 10`).rejects.toMatchObject({ code: 'BW002' });
  await expect(registry`update integration.redrives set last_key = 90`).rejects.toMatchObject({ code: '42501' });
  await workers`update integration.redrives set status = 'DONE', finished_at = now(), replayed_count = 5`;
  await expect(registry`update integration.redrives set status = 'RUNNING', finished_at = null`).rejects.toMatchObject({
    code: 'BW002',
  });
});
