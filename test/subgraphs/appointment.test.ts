import { subgraph } from '@bridgework/appointment';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  bookAppointment,
  type ClinicRows,
  SECRET_NAME,
  SECRET_PHONE,
  writeClinicRows,
} from '../support/clinic-rows.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { manager, openSubgraph, partner, type SubgraphUnderTest } from '../support/subgraph.ts';

const COUNT = 47;

let database: TestDatabase;
let calendar: SubgraphUnderTest;
let clinic: ClinicRows;
const appointmentIds: string[] = [];
let visitId: string;

const at = (slot: number) => new Date(Date.UTC(2030, 0, 1, 6, slot * 15)).toISOString();

beforeAll(async () => {
  database = await createDatabase();
  const core = database.as('core_app');
  clinic = await writeClinicRows(core);
  for (let slot = 0; slot < COUNT; slot += 1) {
    const provider = slot % 2 === 0 ? 0 : 1;
    appointmentIds.push(
      await bookAppointment(core, clinic, { startsAt: at(slot), endsAt: at(slot + 1), provider, chair: provider }),
    );
  }
  await core`update appointment.appointments set status = 'CONFIRMED' where id = ${appointmentIds[3] ?? ''}`;
  const [visit] = await core<{ id: string; key: string }[]>`insert into appointment.visits
    (appointment_id, patient_id, provider_id) values
    (${appointmentIds[3] ?? ''}, ${clinic.patientId}, ${clinic.providerIds[1]}) returning id, key`;
  visitId = visit?.id ?? '';
  await core`insert into appointment.visit_procedures (visit_key, code, name, tooth) values
    (${visit?.key ?? 0}, 'D1110', 'Cleaning', null), (${visit?.key ?? 0}, 'D2140', 'حشوة', '16')`;
  for (let image = 0; image < 5; image += 1) {
    await core`insert into appointment.imaging_references (patient_id, visit_id, study_uid, series_uid,
      sop_instance_uid, modality, taken_at, uri, content_type, byte_size, sha256) values
      (${clinic.patientId}, ${visitId}, '1.2', '1.2.3', ${`1.2.3.${image}`}, 'PX', '2030-01-01T07:00:00Z',
      'https://pacs.example/1', 'application/dicom', 100, ${'a'.repeat(64)})`;
  }
  calendar = openSubgraph(subgraph, database);
});
afterAll(async () => {
  await calendar.close();
  await database.drop();
});
beforeEach(() => {
  calendar.statements.length = 0;
});

const reader = partner('read:appointments', 'read:visits', 'read:patients');

const LIST = `query ($first: Int!, $after: String, $filter: AppointmentFilter) {
  appointments(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id startsAt updatedAt } } pageInfo { hasNextPage hasPreviousPage endCursor } } }`;

interface Page<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
}

async function walk(first: number, filter: object = {}): Promise<string[]> {
  const seen: string[] = [];
  for (let after: string | null = null, more = true; more; ) {
    const data: { appointments: Page<{ id: string }> } = await calendar.read(reader, LIST, { first, after, filter });
    seen.push(...data.appointments.edges.map(({ node }) => node.id));
    more = data.appointments.pageInfo.hasNextPage;
    after = data.appointments.pageInfo.endCursor;
  }
  return seen;
}

describe('a walk through appointments', () => {
  test.each([1, 7, 46, 47, 100])('by pages of %i meets each exactly once', async (first) => {
    const seen = await walk(first);
    expect(seen).toHaveLength(COUNT);
    expect(new Set(seen)).toEqual(new Set(appointmentIds));
  });

  test('meets each once when all were changed in the same instant', async () => {
    const owner = database.as('owner');
    await owner.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update appointment.appointments set updated_at = now()`;
    });
    expect(new Set(await walk(10)).size).toBe(COUNT);
    expect(await walk(10)).toHaveLength(COUNT);
  });

  test('keeps to its filter', async () => {
    expect(new Set(await walk(2, { startsFrom: at(5), startsTo: at(10) }))).toEqual(
      new Set(appointmentIds.slice(5, 10)),
    );
    expect(await walk(5, { status: 'CONFIRMED' })).toEqual([appointmentIds[3]]);
    expect(await walk(50, { providerId: clinic.providerIds[1] })).toHaveLength(23);
    expect(await walk(50, { providerId: 'prv_unknown' })).toEqual([]);
    expect(await walk(50, { updatedSince: '2099-01-01T00:00:00Z' })).toEqual([]);
  });

  test('shows no internal key in its cursors', async () => {
    const data = await calendar.read<{ appointments: Page<{ id: string }> }>(reader, LIST, { first: 1 });
    const [edge] = data.appointments.edges;
    const inside = Buffer.from(edge?.cursor ?? '', 'base64url').toString();
    expect(JSON.parse(inside)).toEqual([expect.stringMatching(/^20/), edge?.node.id]);
  });

  test.each([0, 101, -1])('by pages of %i is refused', async (first) => {
    const { errors } = await calendar.run(reader, LIST, { first });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ pointer: '/first' }] });
  });

  test('behind a cursor that we did not give is refused', async () => {
    const { errors } = await calendar.run(reader, LIST, { first: 1, after: 'nonsense' });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ pointer: '/after' }] });
  });
});

test('a page with patients, providers, chairs and visits takes one statement each', async () => {
  const { data, errors } = await calendar.run(
    reader,
    `query { appointments(first: 100) { edges { node { id patient { id displayName phoneMasked }
      provider { name } chair { name } visit { id status procedures { code name tooth }
        imagingReferences(first: 2) { edges { node { modality uri } } } } } } } }`,
  );
  expect(errors).toBeUndefined();
  expect(JSON.stringify(data)).toContain('حشوة');
  expect(calendar.statements).toHaveLength(7);
});

test('a list of ids alone reads nothing but the appointments', async () => {
  await calendar.run(reader, '{ appointments(first: 40) { edges { node { id patient { id } provider { id } } } } }');
  expect(calendar.statements).toHaveLength(1);
});

describe('a patient', () => {
  const MASKED = 'query ($id: ID!) { patient(id: $id) { id displayName phoneMasked } }';
  const WHOLE = 'query ($id: ID!) { patient(id: $id) { fullName phone email } }';

  test('is masked', async () => {
    const { data } = await calendar.run(reader, MASKED, { id: clinic.patientId });
    expect(data).toEqual({
      patient: { id: clinic.patientId, displayName: 'Noura A', phoneMasked: `••••••${SECRET_PHONE.slice(-2)}` },
    });
  });

  test('is whole only for who may identify patients', async () => {
    const refused = await calendar.run(reader, WHOLE, { id: clinic.patientId });
    expect(refused.errors?.[0]?.extensions?.code).toBe('INSUFFICIENT_SCOPE');
    expect(JSON.stringify(refused)).not.toContain(SECRET_NAME);
    const trusted = partner('read:patients', 'read:patients:identified');
    const { data } = await calendar.run(trusted, WHOLE, { id: clinic.patientId });
    expect(data).toEqual({ patient: { fullName: SECRET_NAME, phone: SECRET_PHONE, email: null } });
  });

  test.each(['pat_unknown', '', '\u0000', '\ud800', 'x'.repeat(1000)])(
    'that does not exist is null: %j',
    async (id) => {
      expect(await calendar.run(reader, MASKED, { id })).toEqual({ data: { patient: null } });
    },
  );
});

describe('entities', () => {
  const ENTITIES = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
    ... on Appointment { id status } ... on Patient { id displayName } ... on Visit { id state: status } } }`;

  test('of one kind are one statement, in the order in which they were asked for, null when unknown', async () => {
    const wanted = [...appointmentIds.slice(0, 20), 'apt_unknown', appointmentIds[0]];
    const { data, errors } = await calendar.run(reader, ENTITIES, {
      representations: wanted.map((id) => ({ __typename: 'Appointment', id })),
    });
    expect(errors).toBeUndefined();
    const found = (data as { _entities: ({ id: string } | null)[] })._entities;
    expect(found.map((one) => one?.id)).toEqual(wanted.map((id) => (id === 'apt_unknown' ? undefined : id)));
    expect(calendar.statements).toHaveLength(1);
  });

  test('of several kinds are one statement for each', async () => {
    const { data } = await calendar.run(reader, ENTITIES, {
      representations: [
        { __typename: 'Appointment', id: appointmentIds[3] },
        { __typename: 'Patient', id: clinic.patientId },
        { __typename: 'Visit', id: visitId },
      ],
    });
    expect(data).toEqual({
      _entities: [
        { id: appointmentIds[3], status: 'CONFIRMED' },
        { id: clinic.patientId, displayName: 'Noura A' },
        { id: visitId, state: 'OPEN' },
      ],
    });
    expect(calendar.statements).toHaveLength(3);
  });
});

test('a visit shows what was done, in order, and pages its images', async () => {
  const read = `query ($id: ID!, $after: String) { visit(id: $id) { id status completedAt appointment { id }
    patient { id } provider { name } procedures { code tooth }
    imagingReferences(first: 3, after: $after) { edges { node { sopInstanceUid } } pageInfo { hasNextPage endCursor } } } }`;
  type VisitRead = { visit: Record<string, unknown> & { imagingReferences: Page<{ sopInstanceUid: string }> } };
  const data = await calendar.read<VisitRead>(reader, read, { id: visitId });
  const { imagingReferences: images, ...visit } = data.visit;
  expect(visit).toEqual({
    id: visitId,
    status: 'OPEN',
    completedAt: null,
    appointment: { id: appointmentIds[3] },
    patient: { id: clinic.patientId },
    provider: { name: 'Dr Two' },
    procedures: [
      { code: 'D1110', tooth: null },
      { code: 'D2140', tooth: '16' },
    ],
  });
  expect(images.edges).toHaveLength(3);
  expect(images.pageInfo.hasNextPage).toBe(true);
  const next = await calendar.read<VisitRead>(reader, read, { id: visitId, after: images.pageInfo.endCursor });
  const rest = next.visit.imagingReferences;
  expect(rest.edges).toHaveLength(2);
  expect(rest.pageInfo.hasNextPage).toBe(false);
});

test('visits and providers are listed', async () => {
  const { data } = await calendar.run(
    reader,
    `{ visits(first: 5, filter: { status: OPEN }) { edges { node { id } } }
       providers(first: 1) { edges { node { name specialty } } pageInfo { hasNextPage } } }`,
  );
  expect(data).toEqual({
    visits: { edges: [{ node: { id: visitId } }] },
    providers: { edges: [{ node: { name: 'Dr One', specialty: 'Orthodontics' } }], pageInfo: { hasNextPage: true } },
  });
});

test('an import is shown to the integration that sent it and to nobody else', async () => {
  const own = partner('write:appointments');
  const [row] = await database.as('owner')<{ id: string }[]>`insert into appointment.imports (integration_id, row_count)
    values (${own.integrationId}, 3) returning id`;
  const read = 'query ($id: ID!) { appointmentImport(id: $id) { id status rowCount importedCount unchangedCount } }';
  const { data } = await calendar.run(own, read, { id: row?.id });
  expect(data).toEqual({
    appointmentImport: { id: row?.id, status: 'RUNNING', rowCount: 3, importedCount: 0, unchangedCount: 0 },
  });
  const foreign = await calendar.run(partner('write:appointments'), read, { id: row?.id });
  expect(foreign).toEqual(await calendar.run(own, read, { id: 'imp_unknown' }));
});

test('a manager reads what a partner may read', async () => {
  const { data, errors } = await calendar.run(manager, LIST, { first: 1 });
  expect(errors).toBeUndefined();
  expect(data).toBeDefined();
});
