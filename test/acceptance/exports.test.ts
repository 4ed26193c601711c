import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';

let clinic: Clinic;
let accountant: Partner;
let day: string;

beforeAll(async () => {
  clinic = await startClinic({ simulator: false });
  accountant = await clinic.partner({ scopes: ['read:financials'] });
  const [row] = await clinic.owner<{ day: string }[]>`select business_date::text as day from billing.payments
    where business_date < current_date group by 1 order by count(*) desc limit 1`;
  day = row?.day ?? '';
});
afterAll(() => clinic?.close());

const request = (period: string, key: string, kind = 'DAILY_COLLECTED_REVENUE') =>
  accountant.rest('POST', '/exports', { body: { kind, period }, headers: { 'idempotency-key': key } });

test('an export is refused while its day is open, and the first one is answered for ever once a manager has closed it', async () => {
  const early = await request('2019-05-01', 'early');
  expect([early.status, early.body.type]).toEqual([409, '/api/v1/problems/period-open']);
  await clinic.huda.run('mutation ($date: Date!) { closeBusinessDay(date: $date) { status } }', { date: day });
  // A busy machine may take longer over the pages than a subgraph's call may last: the same key is then safe to send again.
  const generateReportExport = await eventually(
    async () => {
      const { body } = await clinic.omar.ask(
        `mutation ($input: ReportExportInput!) { generateReportExport(input: $input, idempotencyKey: "omar-1") {
          reportExport { id sha256 generatedBy } generatedEarlier } }`,
        { input: { kind: 'DAILY_COLLECTED_REVENUE', period: day } },
      );
      return body.data?.generateReportExport;
    },
    { what: 'the export is generated' },
  );
  expect(generateReportExport).toMatchObject({ generatedEarlier: false });
  const second = await request(day, 'second');
  expect([second.status, second.body]).toEqual([
    200,
    expect.objectContaining({
      id: generateReportExport.reportExport.id,
      content_sha256: generateReportExport.reportExport.sha256,
      generated_by: 'clinic',
      formats: ['csv', 'json', 'pdf', 'xlsx'],
    }),
  ]);
  const listed = await accountant.rest('GET', '/exports?limit=10');
  expect(listed.body.data).toHaveLength(1);
  expect((await accountant.rest('GET', `/exports/${second.body.id}`)).body).toEqual(second.body);
});

test.each([
  ['csv', 'text/csv; charset=utf-8; header=present'],
  ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ['json', 'application/json; charset=utf-8'],
  ['pdf', 'application/pdf'],
])('each download is audited, also one that is answered 304 (%s)', async (format, mediaType) => {
  const { body } = await accountant.rest('GET', '/exports?limit=1');
  const [{ id }] = body.data;
  const path = `/api/v1/exports/${id}/content?format=${format}`;
  const authorization = `Bearer ${accountant.token}`;
  const first = await fetch(`${clinic.origin}${path}`, { headers: { authorization } });
  const bytes = Buffer.from(await first.arrayBuffer());
  const digest = createHash('sha256').update(bytes).digest();
  expect(first.status).toBe(200);
  expect(Object.fromEntries(first.headers)).toMatchObject({
    'content-type': mediaType,
    etag: `"${digest.toString('hex')}"`,
    'repr-digest': `sha-256=:${digest.toString('base64')}:`,
    'content-disposition': `attachment; filename="${id}.${format}"`,
    'cache-control': 'private, no-cache',
  });
  const etag = first.headers.get('etag') ?? '';
  const again = await fetch(`${clinic.origin}${path}`, { headers: { authorization, 'if-none-match': etag } });
  expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
  for (const answer of [first, again]) {
    await clinic.audited({
      action: 'export.download',
      result: 'OK',
      entityId: id,
      integrationId: accountant.integrationId,
      requestId: answer.headers.get('request-id') ?? '',
    });
  }
});

test('ten downloads at the same moment are ten rows in the audit log', async () => {
  const { body } = await accountant.rest('GET', '/exports?limit=1');
  const [{ id }] = body.data;
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => accountant.rest('GET', `/exports/${id}/content?format=json`)),
  );
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const requests = answers.map(({ headers }) => headers.get('request-id'));
  const rows = await clinic.owner`select request_id from audit.entries
    where action = 'export.download' and request_id = any (${requests})`;
  expect(rows).toHaveLength(10);
});

test('nobody without read:financials asks for, sees or downloads an export', async () => {
  const stranger = await clinic.partner({ scopes: ['read:reports'] });
  const { body } = await accountant.rest('GET', '/exports?limit=1');
  const [{ id }] = body.data;
  for (const path of ['/exports', `/exports/${id}`, `/exports/${id}/content?format=csv`]) {
    expect((await stranger.rest('GET', path)).status, path).toBe(403);
  }
  expect((await accountant.rest('GET', `/exports/${id}/content?format=docx`)).status).toBe(400);
  expect((await accountant.rest('GET', `/exports/${id}/content`)).status).toBe(400);
});
