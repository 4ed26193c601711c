import { subgraph } from '@bridgework/appointment';
import type { IntegrationCaller } from '@bridgework/kernel/context';
import { newId } from '@bridgework/kernel/ids';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { activeIntegration, type ClinicRows, writeClinicRows } from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const ADD = `mutation ($input: AddImagingReferenceInput!, $idempotencyKey: String!) {
  addImagingReference(input: $input, idempotencyKey: $idempotencyKey) {
    imagingReference { id modality uri byteSize sha256 device patient { id } visit { id } metadata { name value } }
    recordedEarlier replayed } }`;
const READ = 'query ($id: ID!) { imagingReference(id: $id) { id uri metadata { name value } } }';
const HOST = 'pacs.partner.example';

let database: TestDatabase;
let owner: Sql;
let graph: SubgraphUnderTest;
let clinic: ClinicRows;
let approved: IntegrationCaller;

beforeAll(async () => {
  database = await createDatabase();
  owner = database.as('owner');
  clinic = await writeClinicRows(database.as('core_app'));
  graph = openSubgraph(subgraph, database);
  const registry = database.as('bridgework_integration', 1);
  const key = await activeIntegration(registry, 'Imaging', ['write:imaging']);
  const [row] = await owner<{ id: `int_${string}` }[]>`update integration.integrations
    set allowed_image_hosts = ${[HOST]} where key = ${key} returning id`;
  approved = { ...partner('write:imaging'), integrationId: row?.id ?? 'int_' };
});
afterAll(async () => {
  await graph.close();
  await database.drop();
});

let instances = 0;
const reference = (said: object = {}) => {
  instances += 1;
  return {
    patientId: clinic.patientId,
    studyInstanceUid: '1.2.840.1',
    seriesInstanceUid: '1.2.840.1.1',
    sopInstanceUid: `1.2.840.1.1.${instances}`,
    modality: 'PX',
    takenAt: '2026-03-01T08:30:00.000Z',
    uri: `https://${HOST}/studies/${instances}`,
    contentType: 'application/dicom',
    byteSize: 4_194_304,
    sha256: 'ab'.repeat(32),
    device: 'بانوراما ١',
    metadata: [{ name: 'غرفة', value: 'الأشعة' }],
    ...said,
  };
};

interface Added {
  readonly imagingReference: { readonly id: string };
  readonly recordedEarlier: boolean;
  readonly replayed: boolean;
}
async function add(input: object, key: string = newId('req'), caller = approved) {
  const { data, errors } = await graph.run(caller, ADD, { input, idempotencyKey: key });
  return {
    added: (data?.addImagingReference as Added | undefined) ?? null,
    refusal: errors?.[0]?.extensions ?? null,
  };
}
const kept = async () => {
  const [row] = await owner<{ n: number }[]>`select count(*)::int as n from appointment.imaging_references`;
  return row?.n;
};
const auditOf = async (key: string) => {
  const rows = await owner<{ result: string }[]>`select result from audit.entries
    where action = 'imaging.add' and (entity_id = ${key} or error_message = ${key}) order by key`;
  return rows.map(({ result }) => result);
};

test('a reference is added with everything that was said of it, and audited', async () => {
  const input = reference();
  const { added } = await add(input);
  expect(added).toMatchObject({
    recordedEarlier: false,
    replayed: false,
    imagingReference: {
      id: expect.stringMatching(/^img_/),
      modality: 'PX',
      uri: input.uri,
      byteSize: 4_194_304,
      device: 'بانوراما ١',
      patient: { id: clinic.patientId },
      visit: null,
      metadata: [{ name: 'غرفة', value: 'الأشعة' }],
    },
  });
  expect(await auditOf(added?.imagingReference.id ?? '')).toEqual(['OK']);
});

test('the same reference is added once, ten times at once and under any key', async () => {
  const input = reference();
  const before = (await kept()) ?? 0;
  const answers = await Promise.all(Array.from({ length: 10 }, () => add(input)));
  expect(new Set(answers.map(({ added }) => added?.imagingReference.id)).size).toBe(1);
  expect(answers.filter(({ added }) => added?.recordedEarlier === false)).toHaveLength(1);
  expect(await kept()).toBe(before + 1);
  const repeated = await add(input, 'same-key');
  expect(await add(input, 'same-key')).toMatchObject({ added: { ...repeated.added, replayed: true } });
});

test.each([
  ['another address', { uri: `https://${HOST}/moved` }],
  ['another note', { metadata: [{ name: 'غرفة', value: 'أخرى' }] }],
])('an instance that is known is refused with %s', async (_name, change) => {
  const input = reference();
  await add(input);
  expect((await add({ ...input, ...change })).refusal).toMatchObject({ code: 'CLINIC_AUTHORITATIVE' });
});

test.each([
  ['a host that was not approved', { uri: 'https://elsewhere.example/1' }, '/uri'],
  ['a host below an approved one', { uri: `https://x.${HOST}/1` }, '/uri'],
  ['a host that only begins like it', { uri: `https://${HOST}.evil.example/1` }, '/uri'],
  ['plain http', { uri: `http://${HOST}/1` }, '/uri'],
  ['a user name in the address', { uri: `https://${HOST}@evil.example/1` }, '/uri'],
  ['a fragment', { uri: `https://${HOST}/1#x` }, '/uri'],
  ['an address that a browser reads otherwise', { uri: `https://${HOST}\\@evil.example/1` }, '/uri'],
  ['an upper-case host', { uri: `https://${HOST.toUpperCase()}/1` }, '/uri'],
  ['a UID with a leading zero', { sopInstanceUid: '1.2.03' }, '/sopInstanceUid'],
  ['a UID of 65 characters', { sopInstanceUid: `1.${'2'.repeat(63)}` }, '/sopInstanceUid'],
  ['a UID with letters', { studyInstanceUid: '1.2.x' }, '/studyInstanceUid'],
  ['an unknown modality', { modality: 'US' }, '/modality'],
  ['no size', { byteSize: 0 }, '/byteSize'],
  ['a digest in upper case', { sha256: 'AB'.repeat(32) }, '/sha256'],
  ['an instant of the future', { takenAt: '2099-01-01T00:00:00.000Z' }, '/takenAt'],
  ['21 notes', { metadata: Array.from({ length: 21 }, (_, n) => ({ name: `n${n}`, value: '' })) }, '/metadata'],
])('%s is refused and keeps nothing', async (_name, change, pointer) => {
  const before = await kept();
  const { refusal } = await add(reference(change));
  expect(refusal).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ pointer }] });
  expect(await kept()).toBe(before);
});

test.each([
  ['an address that is the image', { uri: `data:image/png;base64,${'iVBORw0K'.repeat(4)}` }],
  ['base64 in a note', { metadata: [{ name: 'image', value: Buffer.alloc(180, 7).toString('base64') }] }],
  ['base64 as a device', { device: Buffer.alloc(180, 7).toString('base64url') }],
  ['more than 16 KiB', { device: 'x '.repeat(9_000) }],
])('%s is refused as bytes', async (_name, change) => {
  const before = await kept();
  expect((await add(reference(change))).refusal?.code).toBe('PAYLOAD_TOO_LARGE');
  expect(await kept()).toBe(before);
});

test('an unknown patient, and a visit of somebody else, are not found', async () => {
  expect((await add(reference({ patientId: newId('pat') }))).refusal).toMatchObject({
    code: 'NOT_FOUND',
    errors: [{ pointer: '/patientId' }],
  });
  expect((await add(reference({ visitId: newId('vis') }))).refusal).toMatchObject({
    code: 'NOT_FOUND',
    errors: [{ pointer: '/visitId' }],
  });
});

test("another integration's reference is as unknown as one that does not exist, and its notes are told to nobody else", async () => {
  const { added } = await add(reference());
  const id = added?.imagingReference.id;
  const stranger = partner('write:imaging');
  const foreign = await graph.run(stranger, READ, { id });
  expect(foreign).toEqual(await graph.run(stranger, READ, { id: newId('img') }));
  expect(foreign).toEqual({ data: { imagingReference: null } });
  expect(await graph.read(approved, READ, { id })).toMatchObject({
    imagingReference: { metadata: [{ name: 'غرفة', value: 'الأشعة' }] },
  });
});

test('hosts are approved for one integration alone', async () => {
  expect((await add(reference(), newId('req'), partner('write:imaging'))).refusal).toMatchObject({
    code: 'VALIDATION_FAILED',
    errors: [{ code: 'host-not-allowed' }],
  });
});
