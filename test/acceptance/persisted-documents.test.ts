import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { generatePersistedQueryIdsFromManifest } from '@apollo/persisted-query-lists';
import { generateIntegrationToken } from '@bridgework/kernel/integration-token';
import type { Scope } from '@bridgework/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clinic, exampleDocuments, startClinic } from '../support/clinic.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer, Partner } from '../support/partner.ts';

const DAY_SHEET_SCOPES: readonly Scope[] = [
  'read:appointments',
  'read:patients',
  'read:visits',
  'read:invoices',
  'read:financials',
  'read:inventory',
  'write:payments',
];
const WEEK = {
  from: new Date(Date.now() - 4 * 86_400_000).toISOString(),
  to: new Date(Date.now() + 4 * 86_400_000).toISOString(),
  first: 25,
};

let clinic: Clinic;
let partner: Partner;

beforeAll(async () => {
  clinic = await startClinic();
  partner = await clinic.partner({ scopes: DAY_SHEET_SCOPES, documents: await exampleDocuments() });
});
afterAll(() => clinic?.close());

const withoutRequestId = ({ status, text, headers }: Answer) => ({
  status,
  text: text.replaceAll(headers.get('request-id') ?? 'none', '<request id>'),
});

interface DaySheetNode {
  readonly patient: { readonly displayName: string; readonly phoneMasked: string | null; readonly balances: unknown[] };
  readonly visit: { readonly invoice: { readonly reference: string } | null; readonly materialsUsed: unknown[] } | null;
  readonly importedBy: { readonly name: string } | null;
}

interface DaySheet {
  readonly appointments: {
    readonly edges: readonly { readonly node: DaySheetNode }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

describe('the day sheet', () => {
  test('is answered by id to a real Apollo Client with a manifest of its own tool, from all four subgraphs', async () => {
    const text = await readFile(new URL('../../schema/operations/examples/day-sheet.graphql', import.meta.url), 'utf8');
    const manifest = await generateManifest(text);
    const app = await clinic.partner({ scopes: DAY_SHEET_SCOPES, manifest });
    // One appointment came by this partner's import, so that the fourth subgraph has something to say.
    await importAppointment(app.integrationId);
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new PersistedQueryLink(
        generatePersistedQueryIdsFromManifest({ loadManifest: () => Promise.resolve(JSON.parse(manifest)) }),
      ).concat(new HttpLink({ uri: `${clinic.origin}/graphql`, headers: { authorization: `Bearer ${app.token}` } })),
    });
    const nodes: DaySheetNode[] = [];
    let after: string | null = null;
    do {
      const { data }: { data?: DaySheet | undefined } = await client.query<DaySheet>({
        query: gql(text),
        variables: { ...WEEK, after },
      });
      nodes.push(...(data?.appointments.edges.map(({ node }) => node) ?? []));
      after = data?.appointments.pageInfo.hasNextPage === true ? data.appointments.pageInfo.endCursor : null;
    } while (after !== null);
    expect(nodes.length).toBeGreaterThan(5);
    expect(nodes.every(({ patient }) => patient.displayName.length > 0)).toBe(true);
    expect(nodes.some(({ patient }) => patient.balances.length > 0)).toBe(true);
    expect(nodes.some(({ visit }) => visit?.invoice != null)).toBe(true);
    expect(nodes.some(({ visit }) => (visit?.materialsUsed.length ?? 0) > 0)).toBe(true);
    expect(nodes.some(({ importedBy }) => importedBy !== null)).toBe(true);
  });

  test('is the same in every form on the wire', async () => {
    const id = partner.documents.DaySheet ?? '';
    const bearer = { headers: { authorization: `Bearer ${partner.token}` } };
    const variables = encodeURIComponent(JSON.stringify(WEEK));
    const answers = await Promise.all([
      partner.graphql({ documentId: id, variables: WEEK }),
      partner.graphql({ doc_id: id, variables: WEEK }),
      // A client whose own key is the bare hash.
      partner.graphql({ documentId: id.replace('sha256:', '').toUpperCase(), variables: WEEK }),
      partner.graphql({
        extensions: { persistedQuery: { version: 1, sha256Hash: id.replace('sha256:', '') } },
        variables: WEEK,
      }),
      clinic.fetch(`/graphql?documentId=${encodeURIComponent(id)}&variables=${variables}`, bearer),
      clinic.fetch(`/graphql/${id}?variables=${variables}`, bearer),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.headers.get('cache-control')).toBe('no-store');
  });

  test('shows patients masked', async () => {
    const { body } = await partner.call('DaySheet', WEEK);
    const [patient] = await clinic.owner<{ full_name: string; phone_e164: string }[]>`
      select full_name, phone_e164 from appointment.patients
      where id = ${body.data.appointments.edges[0].node.patient.id}`;
    expect(JSON.stringify(body)).not.toContain(patient?.full_name);
    expect(JSON.stringify(body)).not.toContain(patient?.phone_e164);
  });

  test('is refused whole, before any subgraph is called, when one scope is missing', async () => {
    const lacking = await clinic.partner({ scopes: DAY_SHEET_SCOPES, documents: await exampleDocuments() });
    const token = await issueToken(
      lacking.integrationId,
      DAY_SHEET_SCOPES.filter((scope) => scope !== 'read:inventory'),
    );
    const before = clinic.askedOfSubgraphs();
    const answer = await clinic.fetch('/graphql', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ documentId: lacking.documents.DaySheet, variables: WEEK }),
    });
    expect(answer.status).toBe(403);
    expect(answer.body.data).toBeUndefined();
    expect(answer.body.errors[0].extensions.code).toBe('INSUFFICIENT_SCOPE');
    expect(answer.headers.get('www-authenticate')).toContain('insufficient_scope');
    expect(clinic.askedOfSubgraphs()).toBe(before);
    await clinic.audited({ action: 'document.execute', result: 'DENIED', integrationId: lacking.integrationId });
  });
});

describe('a partner', () => {
  test('cannot send query text', async () => {
    const answer = await partner.graphql({ query: '{ me { name } }' });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].extensions.code).toBe('PERSISTED_DOCUMENT_REQUIRED');
  });

  test('cannot tell a foreign document from one that does not exist', async () => {
    const other = await clinic.partner({
      scopes: ['read:inventory'],
      documents: ['query Theirs { lowStockItems(first: 3) { edges { node { sku } } } }'],
    });
    const foreign = await partner.graphql({ documentId: other.documents.Theirs });
    const unknown = await partner.graphql({ documentId: `sha256:${'0'.repeat(64)}` });
    const product = await partner.graphql({ documentId: 'AppointmentsV1' });
    expect(foreign.status).toBe(404);
    expect(withoutRequestId(foreign)).toEqual(withoutRequestId(unknown));
    expect(withoutRequestId(product)).toEqual(withoutRequestId(unknown));
  });

  test('cannot run a mutation by GET', async () => {
    const answer = await clinic.fetch(`/graphql/${partner.documents.ConfirmPayment}`, {
      headers: { authorization: `Bearer ${partner.token}` },
    });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST');
  });

  test('is not let in with a token of the other environment, and that is audited', async () => {
    const { text } = generateIntegrationToken('production');
    const answer = await clinic.fetch('/api/v1/me', { headers: { authorization: `Bearer ${text}` } });
    expect(answer.status).toBe(401);
    await clinic.audited({ action: 'request.refuse', result: 'DENIED' });
  });
});

async function importAppointment(integrationId: string): Promise<void> {
  const startsAt = new Date(Date.now() + 2 * 86_400_000);
  // At night, when nobody is booked.
  startsAt.setUTCHours(23, 30, 0, 0);
  const inserted = await clinic.owner`
    insert into appointment.appointments
      (patient_id, provider_id, chair_id, starts_at, ends_at, source, imported_by_integration_id, external_id)
    select (select min(id) from appointment.patients), providers.id, chairs.id, ${startsAt},
      ${new Date(startsAt.getTime() + 60_000)}, 'IMPORT', ${integrationId}, 'theirs-' || providers.id || chairs.id
    from appointment.providers, appointment.chairs on conflict do nothing`;
  expect(inserted.count).toBeGreaterThan(0);
}

async function issueToken(integrationId: string, scopes: readonly Scope[]): Promise<string> {
  const { issueToken: issued } = await clinic.huda.run(
    'mutation ($input: IssueTokenInput!, $key: String!) { issueToken(input: $input, idempotencyKey: $key) { secret } }',
    {
      key: `narrow-${integrationId}`,
      input: { integrationId, name: 'narrow', scopes, expiresAt: new Date(Date.now() + 86_400_000).toISOString() },
    },
  );
  await eventually(async () => {
    const { status } = await clinic.fetch('/api/v1/me', { headers: { authorization: `Bearer ${issued.secret}` } });
    return status === 200;
  });
  return issued.secret;
}

/** What `npx generate-persisted-query-manifest` makes of an app with this one document. */
async function generateManifest(text: string): Promise<string> {
  const app = await mkdtemp(join(tmpdir(), 'bw-app-'));
  try {
    await writeFile(join(app, 'day-sheet.graphql'), text);
    await writeFile(
      join(app, 'persisted-query-manifest.config.json'),
      JSON.stringify({ documents: ['*.graphql'], output: 'manifest.json' }),
    );
    const tool = fileURLToPath(
      new URL('../../node_modules/@apollo/generate-persisted-query-manifest/cli.js', import.meta.url),
    );
    await promisify(execFile)(process.execPath, [tool], { cwd: app });
    return await readFile(join(app, 'manifest.json'), 'utf8');
  } finally {
    await rm(app, { recursive: true });
  }
}
