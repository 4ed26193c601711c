import { lookup } from 'node:dns/promises';
import { get } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Canary, startCanary } from '../support/canary.ts';
import { type Clinic, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Partner } from '../support/partner.ts';

let clinic: Clinic;
let partner: Partner;
let patientId: string;
let providerIds: string[];

/** Where an image is said to lie: nobody must ever come. */
let canary: Canary;

beforeAll(async () => {
  canary = await startCanary('images.partner.example');
  clinic = await startClinic({ simulator: false });
  partner = await clinic.partner({
    scopes: ['write:appointments', 'write:imaging'],
    allowedImageHosts: [canary.host, 'pacs.partner.example'],
  });
  const [patient] = await clinic.owner<{ id: string }[]>`select id from appointment.patients order by key limit 1`;
  patientId = patient?.id ?? '';
  const providers = await clinic.owner<
    { id: string }[]
  >`select id from appointment.providers where active order by key`;
  providerIds = providers.map(({ id }) => id);
});
afterAll(async () => {
  await clinic?.close();
  canary?.close();
});

const rows = (count: number, from: string, name: string) =>
  Array.from({ length: count }, (_, position) => ({
    external_id: `${name}-${position}`,
    patient_id: patientId,
    provider_id: providerIds[0],
    starts_at: new Date(Date.parse(from) + position * 1_200_000).toISOString(),
    ends_at: new Date(Date.parse(from) + (position + 1) * 1_200_000).toISOString(),
  }));
const importRows = (body: object, key: string) =>
  partner.rest('POST', '/appointment-imports', { body, headers: { 'idempotency-key': key } });
const imported = async () => {
  const [row] = await clinic.owner<{ n: number }[]>`select count(*)::int as n from appointment.appointments
    where imported_by_integration_id = ${partner.integrationId}`;
  return row?.n;
};

test('a small import is answered at once, and again the same, in Arabic as it came', async () => {
  const body = { rows: rows(20, '2032-01-05T06:00:00Z', 'small'), metadata: { مصدر: 'نظام الشريك', batch: '١' } };
  const first = await importRows(body, 'small-1');
  expect([first.status, first.body]).toEqual([
    201,
    expect.objectContaining({ status: 'DONE', imported_count: 20, errors: [], metadata: body.metadata }),
  ]);
  const again = await importRows(body, 'small-1');
  expect([again.status, again.headers.get('idempotent-replayed'), again.text]).toEqual([201, 'true', first.text]);
  expect((await importRows(body, 'small-2')).body).toMatchObject({ imported_count: 0, unchanged_count: 20 });
  await clinic.audited({ action: 'appointment.import', result: 'OK', entityId: first.body.id });
});

test('an import of 500 rows with one bad row changes nothing and says which; mended, all of it is booked', async () => {
  const before = await imported();
  const all = rows(500, '2033-01-03T00:00:00Z', 'large');
  const bad = all.map((row, position) => (position === 321 ? { ...row, provider_id: 'prv_nobody' } : row));
  const first = await importRows({ rows: bad }, 'large-bad');
  expect([first.status, first.body]).toEqual([202, expect.objectContaining({ status: 'RUNNING', row_count: 500 })]);
  const end = async (id: string) =>
    eventually(
      async () => {
        const { body } = await partner.rest('GET', `/appointment-imports/${id}`);
        return body.status === 'RUNNING' ? undefined : body;
      },
      { what: 'the import has ended' },
    );
  expect(await end(first.body.id)).toMatchObject({
    status: 'FAILED',
    imported_count: 0,
    errors: [{ pointer: '/rows/321', code: 'provider-not-found', detail: expect.any(String) }],
  });
  expect(await imported()).toBe(before);
  const second = await importRows({ rows: all }, 'large-good');
  expect(await end(second.body.id)).toMatchObject({ status: 'DONE', processed_count: 500, imported_count: 500 });
  expect(await imported()).toBe((before ?? 0) + 500);
});

test('a conflict is a problem of its own, with a pointer', async () => {
  await importRows({ rows: rows(1, '2034-01-02T08:00:00Z', 'mine') }, 'mine');
  const taken = await importRows({ rows: rows(1, '2034-01-02T08:10:00Z', 'other') }, 'other');
  expect([taken.status, taken.body.type, taken.body.errors]).toEqual([
    409,
    '/api/v1/problems/slot-conflict',
    [{ pointer: '/rows/0', code: 'slot-conflict', detail: expect.any(String) }],
  ]);
  const moved = await importRows({ rows: rows(1, '2034-01-03T08:00:00Z', 'mine') }, 'moved');
  expect([moved.status, moved.body.type]).toEqual([409, '/api/v1/problems/clinic-authoritative']);
});

test.each([
  ['an unknown field', { status: 'CONFIRMED' }, 'unknown-field', '/rows/0/status'],
  ['a local time', { starts_at: '2034-02-01T08:00:00' }, 'validation-failed', '/rows/0/starts_at'],
  ['no external id', { external_id: undefined }, 'validation-failed', '/rows/0/external_id'],
])('an import with %s is refused with its pointer', async (_name, change, slug, pointer) => {
  const [row] = rows(1, '2034-02-01T08:00:00Z', 'bad');
  const answer = await importRows({ rows: [{ ...row, ...change }] }, `bad-${slug}-${pointer}`);
  expect([answer.status, answer.body.type]).toEqual([400, `/api/v1/problems/${slug}`]);
  expect(answer.body.errors).toMatchObject([{ pointer }]);
});

const image = (said: object = {}) => ({
  patient_id: patientId,
  study_instance_uid: '1.2.826.0.1',
  series_instance_uid: '1.2.826.0.1.1',
  sop_instance_uid: '1.2.826.0.1.1.1',
  modality: 'IO',
  taken_at: '2026-03-01T08:30:00.000Z',
  uri: 'https://pacs.partner.example/wado/1',
  content_type: 'application/dicom',
  byte_size: 2_000_000,
  sha256: 'cd'.repeat(32),
  device: 'حساس داخل الفم',
  metadata: { سنّ: '16' },
  ...said,
});
const addImage = (body: object, key: string) =>
  partner.rest('POST', '/imaging-references', { body, headers: { 'idempotency-key': key } });

test('a reference to an image is kept and can be read again by its partner', async () => {
  const sent = image();
  const added = await addImage(sent, 'img-1');
  expect([added.status, added.body]).toEqual([201, { id: expect.stringMatching(/^img_/), visit_id: null, ...sent }]);
  expect((await addImage(sent, 'img-2')).status).toBe(200);
  const read = await partner.rest('GET', `/imaging-references/${added.body.id}`);
  expect([read.status, read.body]).toEqual([200, added.body]);
  await clinic.audited({ action: 'imaging.add', result: 'OK', entityId: added.body.id });
  const stranger = await clinic.partner({ scopes: ['write:imaging'] });
  expect((await stranger.rest('GET', `/imaging-references/${added.body.id}`)).status).toBe(404);
});

test.each([
  ['bytes in a note', { metadata: { image: Buffer.alloc(150, 1).toString('base64') } }, 413, 'payload-too-large'],
  ['more than 16 KiB', { metadata: { note: 'x'.repeat(20_000) } }, 413, 'payload-too-large'],
  ['a field for bytes', { content: 'AAAA' }, 400, 'unknown-field'],
  ['a host that was not approved', { uri: 'https://elsewhere.example/1' }, 400, 'validation-failed'],
  ['a UID that is none', { sop_instance_uid: '1.02' }, 400, 'validation-failed'],
])('a reference with %s is refused', async (name, change, status, slug) => {
  const answer = await addImage(image(change), `refused-${name.replaceAll(' ', '-')}`);
  expect([answer.status, answer.body.type]).toEqual([status, `/api/v1/problems/${slug}`]);
});

test('the address of an image is never fetched: nobody comes to where it is said to lie', async () => {
  const uri = `https://${canary.host}:${canary.port}/image`;
  const added = await addImage(image({ uri, sop_instance_uid: '1.2.826.0.1.1.9' }), 'canary');
  expect(added.status).toBe(201);
  const again = await addImage(image({ uri, sop_instance_uid: '1.2.826.0.1.1.9' }), 'canary-again');
  expect(again.status).toBe(200);
  await partner.rest('GET', `/imaging-references/${added.body.id}`);
  await clinic.huda.run('{ auditEntries(filter: { action: "imaging.add" }, first: 10) { edges { node { id } } } }');
  await clinic.audited({ action: 'imaging.add', result: 'OK', entityId: added.body.id });
  // A process that fetches in the background would have done so by the time the workers have brought what came later.
  const [asked] = await clinic.owner<{ id: string }[]>`select id from audit.entries order by key desc limit 1`;
  await eventually(
    async () => {
      const [sealed] = await clinic.owner`select 1 from audit.seals as seal join audit.entries as entry
        on entry.key = seal.entry_key where entry.id = ${asked?.id ?? ''}`;
      return sealed;
    },
    { withinMs: 20_000, what: 'the workers have come round' },
  );
  expect(canary.visits()).toEqual({ asked: 0, connected: 0 });

  // Whoever had come would have been seen: by fetch, by node:https, and whoever only asked for the address.
  await expect(fetch(uri)).rejects.toThrow('fetch failed');
  await new Promise((resolve) => get(uri).once('error', resolve));
  await lookup(canary.host);
  expect(canary.visits()).toEqual({ asked: 3, connected: 2 });
});
