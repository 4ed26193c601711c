import { readFile } from 'node:fs/promises';
import { SUBGRAPH_NAMES } from '@bridgework/schema';
import { Kind, parse } from 'graphql';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { appointmentRow, capture, criterion, here, issuedInvoice, key, somePatient, write } from './walk.ts';

criterion(['5.1.1', '5.1.2', '5.1.3'], async () => {
  const { clinic, reader } = here();
  const me = await reader.rest('GET', '/me');
  expect(me.body).toMatchObject({ token_id: reader.tokenId, scopes: expect.arrayContaining(['read:appointments']) });
  const { integration } = await clinic.huda.run(`{ integration(id: "${reader.integrationId}") { tokens(first: 1) {
    edges { node { id name scopes status expiresAt createdBy createdAt } } } } }`);
  const [{ node }] = integration.tokens.edges;
  expect(Object.values(node).every((value) => value !== null)).toBe(true);
  expect([node.id, node.status]).toEqual([reader.tokenId, 'ACTIVE']);
  for (const mutation of [
    `revokeToken(id: "${reader.tokenId}") { id }`,
    `issueToken(input: { integrationId: "${reader.integrationId}", name: "x", scopes: [] }, idempotencyKey: "k") { secret }`,
  ]) {
    const refused = await clinic.rana.ask(`mutation { ${mutation} }`);
    expect(refused.body.errors[0].extensions.code).toBe('FORBIDDEN');
  }
  const spare = await clinic.partner({ scopes: ['read:visits'] });
  const { revokeToken } = await clinic.huda.run(
    `mutation { revokeToken(id: "${spare.tokenId}", reason: "walk") { status } }`,
  );
  expect(revokeToken.status).toBe('REVOKED');
  await eventually(async () => (await spare.rest('GET', '/me')).status === 401, { withinMs: 1_000 });
  return `${node.id} ${node.status} by ${node.createdBy} until ${node.expiresAt}; a receptionist: FORBIDDEN; revoked: 401 within a second`;
});

criterion(['5.2.1', '5.2.2', '5.2.3', '5.2.4', '5.2.5'], async () => {
  const { reader, writer } = here();
  const patient = await somePatient();
  const paths = [
    '/appointments?limit=1',
    `/patients/${patient}`,
    '/reports/visit-volume?from=2026-02-01&to=2026-02-28',
    '/webhook-endpoints?limit=1',
  ];
  for (const path of paths) {
    const asked = await Promise.all([reader.rest('GET', path), writer.rest('GET', path)]);
    expect(
      asked.map(({ status }) => status),
      path,
    ).toEqual([200, 403]);
  }
  const body = capture(await issuedInvoice(10_000));
  const paid = await write('/payment-confirmations', body, key(), writer);
  const refused = await write('/payment-confirmations', body, key(), reader);
  expect([paid.status, refused.status]).toEqual([201, 403]);
  return 'each of five scopes opens its door to the token that holds it (200, of payments 201) and to no other (403)';
});

criterion(['2.2.6', '5.2.6', '6.4.4'], async () => {
  const { clinic, reader, writer } = here();
  const issue = (integrationId: string, said: object) =>
    clinic.huda.ask(
      `mutation ($input: IssueTokenInput!) { issueToken(input: $input, idempotencyKey: "${key()}") { secret } }`,
      { input: { integrationId, name: 'walk', scopes: ['write:payments'], ...said } },
    );
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const forever = await issue(writer.integrationId, {});
  const unapproved = await issue(reader.integrationId, { expiresAt: tomorrow });
  for (const answer of [forever, unapproved]) expect(answer.body.errors).toHaveLength(1);
  const { requestScope } = await clinic.huda.run(
    `mutation ($input: RequestScopeInput!) { requestScope(input: $input, idempotencyKey: "${key()}") { id } }`,
    {
      input: {
        integrationId: reader.integrationId,
        scope: 'write:payments',
        justification: 'The walk.',
        expiresAt: tomorrow,
      },
    },
  );
  const own = await clinic.huda.ask(`mutation { approveScope(id: "${requestScope.id}") { id } }`);
  expect(own.body.errors).toHaveLength(1);
  await clinic.omar.run(`mutation { approveScope(id: "${requestScope.id}") { id } }`);
  await clinic.audited({ action: 'scope.approve', result: 'OK', entityId: requestScope.id });
  const codes = [forever, unapproved, own].map(({ body }) => body.errors[0].extensions.code);
  return `without an expiry: ${codes[0]}; without an approval: ${codes[1]}; approved by whoever asked: ${codes[2]}; by another manager: ${requestScope.id}, audited`;
});

criterion(['6.1.1', '6.1.2', '6.1.3', '6.1.4'], async () => {
  const { reader, writer } = here();
  const xml = await reader.rest('GET', '/me', { headers: { accept: 'application/xml' } });
  const wrong = await reader.rest('DELETE', '/appointments');
  const answer = await reader.rest('GET', '/appointments?limit=1');
  const type = answer.headers.get('content-type');
  expect([xml.status, wrong.status, type]).toEqual([406, 405, 'application/json; charset=utf-8']);
  const metadata = { مصدر: 'نظام الشريك' };
  const row = await appointmentRow('2035-02-06', 'arabic');
  const { body } = await write('/appointment-imports', { rows: [row], metadata });
  const read = await writer.rest('GET', `/appointment-imports/${body.id}`);
  expect(read.body.metadata).toEqual(metadata);
  return `XML: ${xml.status}; DELETE of a list: ${wrong.status}; ${type}; an Arabic key came back as it went`;
});

criterion(['6.2.1', '6.2.2', '6.2.3', '15.2'], async () => {
  const { clinic } = here();
  const { body } = await clinic.fetch('/api/v1/versions');
  expect(body.versions.map(({ major }: { major: string }) => major)).toEqual(['v1', 'v2']);
  const documented: string[] = [];
  for (const { major, version, openapi } of body.versions) {
    const served = await clinic.fetch(openapi);
    const file = new URL(`../../../schema/rest/${major}.openapi.json`, import.meta.url);
    expect(served.body).toEqual(JSON.parse(await readFile(file, 'utf8')));
    expect(served.body.info.version).toBe(version);
    documented.push(`${major} ${version} (${Object.keys(served.body.paths).length} paths)`);
  }
  const { body: reference } = await clinic.fetch('/api/v1/openapi.json');
  expect(reference.paths['/api/v1/versions'].get.description).toContain('twelve months at least');
  const page = await clinic.fetch('/api/v1/docs');
  expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
  return `${documented.join(', ')}: as committed, byte for byte in meaning; an old version goes on for twelve months; a page for people`;
});

criterion(['6.3.1', '6.3.2', '6.3.3'], async () => {
  const seen: string[] = [];
  for (const path of [
    '/appointments?limit=1',
    '/visits?limit=1',
    '/reports/no-show-rate?from=2026-02-01&to=2026-02-28',
  ]) {
    const { status, body } = await here().reader.rest('GET', path);
    expect(status, path).toBe(200);
    expect(JSON.stringify(body)).not.toMatch(/full_name|phone|email/);
    seen.push(`${path.replace(/\?.*/, '')} ${status}`);
  }
  return seen.join(', ');
});

/** What managers alone may do, as a partner would have to register it. */
const MANAGERS_STEPS = [
  'mutation { closeBusinessDay(date: "2025-01-31") { status } }',
  'mutation { closeMonth(month: "2025-01") { status } }',
  'mutation { resolveTerminalConfirmation(id: "cnf_x", resolution: DISMISSED, reason: "x") { status } }',
  'mutation { generateReportExport(input: { kind: DAILY_COLLECTED_REVENUE, period: "2025-01-31" }, idempotencyKey: "x") { replayed } }',
];
/** Everything in the graph that a token may be allowed to change. Whoever adds to it has to change this list. */
const WRITES_OF_TOKENS = [
  ...['addImagingReference', 'confirmPayment', 'createOwnWebhookEndpoint', 'deleteOwnWebhookEndpoint'],
  ...['importAppointments', 'replayOwnDelivery', 'requestCoreEvent', 'requestReportExport', 'rotateOwnWebhookSecret'],
  ...['testOwnWebhookEndpoint', 'updateOwnWebhookEndpoint'],
];

async function writesOfTokens(): Promise<string[]> {
  const texts = await Promise.all(
    SUBGRAPH_NAMES.map((name) =>
      readFile(new URL(`../../../schema/subgraphs/${name}.graphql`, import.meta.url), 'utf8'),
    ),
  );
  const fields = texts.flatMap((text) =>
    parse(text).definitions.flatMap((one) =>
      (one.kind === Kind.OBJECT_TYPE_DEFINITION || one.kind === Kind.OBJECT_TYPE_EXTENSION) &&
      one.name.value === 'Mutation'
        ? [...(one.fields ?? [])]
        : [],
    ),
  );
  const names = fields
    .filter(({ directives }) => directives?.every(({ name }) => name.value !== 'policy'))
    .map(({ name }) => name.value);
  return names.toSorted();
}

criterion(['2.2.2', '2.2.4', '2.2.5', '6.3.4', '6.3.5', '8.3.4'], async () => {
  const { clinic, reader } = here();
  expect(await writesOfTokens()).toEqual(WRITES_OF_TOKENS.toSorted());
  const manifest = JSON.stringify(Object.fromEntries(MANAGERS_STEPS.map((text, at) => [`doc-${at}`, text])));
  const { registerDocumentSet } = await clinic.huda.run(
    `mutation ($id: ID!, $manifest: String!) { registerDocumentSet(integrationId: $id, name: "forbidden", manifest: $manifest,
      idempotencyKey: "${key()}") { valid documents { errors } } }`,
    { id: reader.integrationId, manifest },
  );
  expect(registerDocumentSet.valid).toBe(false);
  expect(registerDocumentSet.documents).toHaveLength(MANAGERS_STEPS.length);
  for (const { errors } of registerDocumentSet.documents)
    expect(errors.join()).not.toMatch(/Cannot query|Syntax|Expected/);
  for (const { errors } of registerDocumentSet.documents) expect(errors.length).toBeGreaterThan(0);
  const change = await reader.rest('PATCH', '/invoices/inv_x/payable', { body: {} });
  expect(change.status).toBe(405);
  const { body } = await reader.rest('GET', '/inventory/low-stock?limit=1');
  expect(JSON.stringify(body)).not.toMatch(/cost|price/);
  return `of all mutations ${WRITES_OF_TOKENS.length} are for tokens: none of them changes an invoice, refunds, sets a cost, decides or steers a device; ${MANAGERS_STEPS.length} of the managers' cannot be registered; PATCH of an invoice: ${change.status}`;
});

criterion(['6.4.1', '6.4.3', '6.4.6'], async () => {
  const { clinic } = here();
  const { body: reference } = await clinic.fetch('/api/v1/openapi.json');
  const writes = Object.entries<Record<string, object>>(reference.paths).flatMap(([path, verbs]) =>
    Object.keys(verbs)
      .filter((verb) => /^(post|put|patch|delete)$/.test(verb))
      .map((verb) => `${verb} ${path}`),
  );
  // The clinic's own data is written by three of them; the others are exports and the partner's own endpoints.
  const touching = writes.filter((one) => !/exports|webhook|sandbox/.test(one));
  expect(touching.toSorted()).toEqual([
    'post /api/v1/appointment-imports',
    'post /api/v1/imaging-references',
    'post /api/v1/payment-confirmations',
  ]);
  const { status, body } = await write('/appointment-imports', {
    rows: [await appointmentRow('2035-02-05', 'trusted')],
  });
  expect([status, body.imported_count]).toEqual([201, 1]);
  await clinic.audited({ action: 'appointment.import', result: 'OK', entityId: body.id });
  return `three writes touch the clinic's data; import ${body.id}: ${body.status}, ${body.imported_count} booked, audited`;
});

criterion('6.4.5', async () => {
  const { clinic } = here();
  const { status, body } = await write('/payment-confirmations', capture(await issuedInvoice(10_000)));
  expect(status).toBe(201);
  await clinic.audited({ action: 'payment.confirm', result: 'OK', entityId: body.payment_id });
  return `${body.id}: payment ${body.payment_id}, audited`;
});
